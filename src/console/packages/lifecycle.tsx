import { List, Text } from '@mantine/core';
import { useChange } from '../api/hooks.ts';
import { ArchivePackageDocument, PublishPackageDocument } from '../generated/operations.ts';
import { DialogButton } from '../parts/dialog.tsx';
import { formatCount } from '../parts/numbers.ts';
import { formatGrant } from './grant.ts';
import type { Subject } from './package-page.tsx';

/** Publishing cannot be undone, so the dialog lists what becomes fixed. */
export function PublishButton({ subject }: { subject: Subject }) {
  const publish = useChange(PublishPackageDocument);
  return (
    <DialogButton
      label="Publish"
      title={`Publish ${subject.name}?`}
      submit="Publish"
      change={publish}
      onSubmit={() => publish.mutateAsync({ id: subject.id })}
      button={{ disabled: subject.features.length === 0 }}
    >
      <Text>Users can subscribe to it from then on. Its features no longer change:</Text>
      <List size="sm">
        {subject.features.map((feature) => (
          <List.Item key={feature.id}>
            {feature.name}: {formatGrant(feature).toLowerCase()}
          </List.Item>
        ))}
      </List>
      <Text>
        It cannot become a draft again. To change it later, make another package and archive this one.
      </Text>
    </DialogButton>
  );
}

/** Archiving cannot be undone. */
export function ArchiveButton({ subject }: { subject: Subject }) {
  const archive = useChange(ArchivePackageDocument);
  const isDraft = subject.status === 'DRAFT';
  return (
    <DialogButton
      label="Archive"
      title={`Archive ${subject.name}?`}
      submit="Archive"
      change={archive}
      onSubmit={() => archive.mutateAsync({ id: subject.id })}
      button={{ variant: 'default' }}
      danger
    >
      <Text>
        {isDraft
          ? 'The draft is given up: it cannot be edited or published any more.'
          : `Nobody can subscribe to it any more. ${keepers(subject.subscriberCount)}`}
      </Text>
      <Text>This cannot be undone.</Text>
    </DialogButton>
  );
}

const keepers = (count: number) =>
  count === 0
    ? 'Nobody has it now.'
    : `${formatCount(count, 'user')} who ${count === 1 ? 'has it keeps' : 'have it keep'} it.`;
