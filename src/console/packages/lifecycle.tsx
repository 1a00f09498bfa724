import { Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  ArchivePackageDocument,
  DuplicatePackageDocument,
  RenamePackageDocument,
  UnpublishPackageDocument,
  type VersionFragment,
} from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { idFrom } from '../parts/ids.ts';
import { formatCount } from '../parts/numbers.ts';
import type { Opened } from '../parts/opener.tsx';

type Subject = VersionFragment;

/** Archiving cannot be undone. */
export function Archive({ opened, onClose, subject }: Opened & { subject: Subject }) {
  const archive = useChange(ArchivePackageDocument);
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Archive ${subject.name}?`}
      submit="Archive"
      change={archive}
      onSubmit={() => archive.mutateAsync({ id: subject.id })}
      danger
    >
      <Text>
        {subject.status === 'DRAFT'
          ? 'The draft is given up: it cannot be edited or published any more.'
          : `Nobody can subscribe to it any more. ${keepers(subject.subscriberCount)}`}
      </Text>
      <Text>This cannot be undone.</Text>
    </FormDialog>
  );
}

const keepers = (count: number) =>
  count === 0
    ? 'Nobody has it now.'
    : `${formatCount(count, 'user')} who ${count === 1 ? 'has it keeps' : 'have it keep'} it.`;

/** Makes the current version a draft again, as long as nobody ever subscribed to it. */
export function Unpublish({ opened, onClose, subject }: Opened & { subject: Subject }) {
  const unpublish = useChange(UnpublishPackageDocument);
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Back to draft: version ${subject.version} of ${subject.name}?`}
      submit="Back to draft"
      change={unpublish}
      onSubmit={() => unpublish.mutateAsync({ id: subject.id })}
    >
      <Text>
        It can be changed again, and published again. This is possible as long as nobody ever subscribed to
        this version.
        {subject.version > 1 && ` Until then, version ${subject.version - 1} is the current one.`}
      </Text>
    </FormDialog>
  );
}

/** Makes a draft of another package with the same contents. */
export function Duplicate({ opened, onClose, subject }: Opened & { subject: Subject }) {
  const [name, setName] = useState(`${subject.name} copy`);
  const [typedId, setId] = useState('');
  const id = typedId || idFrom(name);
  const duplicate = useChange(DuplicatePackageDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Duplicate ${subject.name}`}
      submit="Duplicate"
      change={duplicate}
      onSubmit={async () => {
        await duplicate.mutateAsync({ id: subject.id, newId: id, name });
        navigate(paths.package(id));
      }}
    >
      <Text size="sm" c="dimmed">
        The new package is a draft with the same features, without prices and subscribers.
      </Text>
      <TextInput
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        required
        data-autofocus
      />
      <TextInput
        label="Id"
        description="What your code calls it. It cannot be changed later."
        value={id}
        onChange={(event) => setId(event.currentTarget.value)}
        required
      />
    </FormDialog>
  );
}

/** Changes the name, which all versions share. */
export function Rename({ opened, onClose, subject }: Opened & { subject: Subject }) {
  const [name, setName] = useState(subject.name);
  const rename = useChange(RenamePackageDocument);
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Rename ${subject.name}`}
      submit="Rename"
      change={rename}
      onSubmit={() => rename.mutateAsync({ id: subject.id, input: { name } })}
    >
      <TextInput
        label="Name"
        description="All versions have it. The id stays."
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        required
        data-autofocus
      />
    </FormDialog>
  );
}
