import { Anchor, Select, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { ChoicesDocument } from '../generated/operations.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { choicesOf } from '../parts/ids.ts';
import type { Opened } from '../parts/opener.tsx';
import { useBegin } from './begin.ts';
import { isOpenTo, type Subscription } from './held.ts';
import { isWhole, startNow } from './start.ts';
import { StartFields } from './start-fields.tsx';

/** Subscribes a user to a base package, or to an add-on if the user has a base package. */
export function Subscribe(
  props: Opened & {
    userId: string;
    held: readonly Subscription[];
    base: Subscription | undefined;
  },
) {
  const { opened, onClose, userId, held, base } = props;
  const hasBase = base !== undefined;
  const paths = usePaths();
  const choices = useAnswer(ChoicesDocument, {});
  const [packageId, setPackageId] = useState<string | null>(null);
  const [start, setStart] = useState(startNow);
  const begin = useBegin();
  const open = (choices.data?.packages ?? []).filter(
    (each) =>
      each.isAddon === hasBase &&
      !held.some(({ package: { id } }) => id === each.id) &&
      (base === undefined || isOpenTo(each, base.package.id)),
  );
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={hasBase ? 'Add an add-on' : 'Subscribe to a package'}
      submit="Subscribe"
      change={begin}
      blocked={packageId === null || !isWhole(start)}
      onSubmit={() => begin.mutateAsync({ userId, packageId: packageId ?? '', start })}
    >
      {open.length === 0 ? (
        <Text>
          There is no {hasBase ? 'add-on that is open to this package' : 'published base package'}. Publish
          one under{' '}
          <Anchor component={Link} to={paths.packages} underline="always">
            Packages
          </Anchor>
          .
        </Text>
      ) : (
        <>
          <Select
            label={hasBase ? 'Add-on' : 'Package'}
            placeholder="Choose one"
            data={choicesOf(open)}
            value={packageId}
            onChange={setPackageId}
            searchable
            required
            data-autofocus
          />
          <StartFields start={start} onChange={setStart} packageId={packageId} isAddon={hasBase} />
        </>
      )}
    </FormDialog>
  );
}
