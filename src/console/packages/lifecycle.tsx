import { type ButtonProps, List, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  ArchivePackageDocument,
  DeleteDraftPackageDocument,
  DuplicatePackageDocument,
  PublishPackageDocument,
  RenamePackageDocument,
  UnpublishPackageDocument,
  type VersionFragment,
  VersionsDocument,
} from '../generated/operations.ts';
import { DialogButton, FormDialog } from '../parts/dialog.tsx';
import { idFrom } from '../parts/ids.ts';
import { formatCount } from '../parts/numbers.ts';
import type { Opened } from '../parts/opener.tsx';
import { differencesOf } from './difference.ts';
import { formatTerms } from './grant.ts';

type Subject = VersionFragment;

/** A published version never changes, so the dialog says what becomes fixed, and what changes for whom. */
export function PublishButton({ subject, button }: { subject: Subject; button?: ButtonProps }) {
  const publish = useChange(PublishPackageDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  const isFirst = subject.version === 1;
  return (
    <DialogButton
      label="Publish"
      title={isFirst ? `Publish ${subject.name}?` : `Publish version ${subject.version} of ${subject.name}?`}
      submit="Publish"
      change={publish}
      onSubmit={async () => {
        await publish.mutateAsync({ id: subject.id });
        navigate(paths.package(subject.id));
      }}
      button={{ ...button, disabled: subject.features.length === 0 }}
    >
      {isFirst ? <FirstPublished subject={subject} /> : <NextPublished subject={subject} />}
    </DialogButton>
  );
}

function FirstPublished({ subject }: { subject: Subject }) {
  return (
    <>
      <Text>Users can subscribe to it from then on. This version no longer changes:</Text>
      <List size="sm">
        {subject.features.map((feature) => (
          <List.Item key={feature.id}>
            {feature.name}: {formatTerms(feature)}
          </List.Item>
        ))}
      </List>
      <Text size="sm">To change it later, create the next version.</Text>
    </>
  );
}

function NextPublished({ subject }: { subject: Subject }) {
  const { data } = useAnswer(VersionsDocument, { id: subject.id });
  const before = data?.package.versions.find(({ version }) => version === subject.version - 1);
  const phrases = before === undefined ? [] : differencesOf(subject, before);
  return (
    <>
      <Text>Who subscribes from then on gets this version:</Text>
      <List size="sm">
        {(phrases.length === 0 ? ['Nothing differs from the version before.'] : phrases).map((phrase) => (
          <List.Item key={phrase}>{phrase}</List.Item>
        ))}
      </List>
      <Text size="sm">Subscribers stay on the version that they hold. Afterwards you can move them.</Text>
    </>
  );
}

/** Deletes a draft: of the next version, or of a package that was never published. */
export function DeleteDraftButton({ subject, button }: { subject: Subject; button?: ButtonProps }) {
  const remove = useChange(DeleteDraftPackageDocument);
  const navigate = useNavigate();
  const paths = usePaths();
  const isNext = subject.version > 1;
  return (
    <DialogButton
      label="Delete draft"
      title={isNext ? `Delete the draft of version ${subject.version}?` : `Delete the draft ${subject.name}?`}
      submit="Delete the draft"
      keep="Keep it"
      change={remove}
      danger
      button={button ?? { variant: 'subtle', color: 'gray', size: 'compact-sm' }}
      onSubmit={async () => {
        await remove.mutateAsync({ id: subject.id });
        navigate(isNext ? paths.package(subject.id) : paths.packages);
      }}
    >
      <Text>
        {isNext
          ? 'The published versions stay as they are.'
          : 'The package is gone, and its id is free again.'}
      </Text>
    </DialogButton>
  );
}

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
