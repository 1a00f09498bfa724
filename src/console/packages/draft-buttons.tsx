import { type ButtonProps, List, Text } from '@mantine/core';
import { useNavigate } from 'react-router';
import { useAnswer, useChange } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import {
  DeleteDraftPackageDocument,
  PublishPackageDocument,
  type VersionFragment,
  VersionsDocument,
} from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
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
