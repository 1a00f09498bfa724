import { Alert, List, Select, Switch, Text } from '@mantine/core';
import { useRef, useState } from 'react';
import { UntilAndReason } from '../allowances/until-and-reason.tsx';
import { useAnswer, useSteps } from '../api/hooks.ts';
import { useRepeatKey } from '../api/repeat-key.ts';
import { ChoicesDocument, GrantFeatureDocument, SubscribeUsersDocument } from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { FormDialog } from '../parts/dialog.tsx';
import { choicesOf } from '../parts/ids.ts';
import { readInstant } from '../parts/instants.ts';
import { formatCount } from '../parts/numbers.ts';
import type { Opened } from '../parts/opener.tsx';
import type { Made } from './undo.tsx';

type Many = Opened & {
  userIds: readonly string[];
  /** Gets all that the dialog has made so far. */
  onMade?: (made: Made) => void;
};

/** Why something was not done for a user. */
interface Refused {
  userId: string;
  why: string;
}

/** The users for whom it failed. The others have it: a repeat is about these only. */
function RefusedList({ refused, all }: { refused: readonly Refused[]; all: number }) {
  if (refused.length === 0) return null;
  return (
    <Alert color="yellow" role="alert">
      <Text size="sm" fw={600} mb="xs">
        Not done for {refused.length} of {formatCount(all, 'user')}
      </Text>
      <List size="sm">
        {refused.slice(0, 20).map(({ userId, why }) => (
          <List.Item key={userId}>
            {userId}: {why}
          </List.Item>
        ))}
      </List>
      {refused.length > 20 && <Text size="sm">And {formatCount(refused.length - 20, 'more', 'more')}.</Text>}
    </Alert>
  );
}

/** Tells what a dialog has made in all its attempts. */
function useMade(kind: Made['kind'], onMade: Many['onMade']) {
  const all = useRef<readonly string[]>([]);
  return (ids: readonly string[]) => {
    all.current = [...all.current, ...ids];
    if (ids.length > 0) onMade?.({ kind, ids: all.current });
  };
}

/** The dialog stays open with the list while some were refused. */
const isDone = (refused: readonly Refused[]) => {
  if (refused.length > 0) throw new Error('Some users were refused.');
};

/** Subscribes many users to one package. Each succeeds or fails on its own. */
export function SubscribeMany({ opened, onClose, userIds, onMade }: Many) {
  const choices = useAnswer(ChoicesDocument, {});
  const [packageId, setPackageId] = useState<string | null>(null);
  const [left, setLeft] = useState(userIds);
  const [refused, setRefused] = useState<readonly Refused[]>([]);
  const tell = useMade('subscriptions', onMade);
  const subscribe = useSteps(async (run, chosen: string): Promise<readonly Refused[]> => {
    const input = left.map((userId) => ({ userId, packageIds: [chosen] }));
    const { subscribeUsers } = await run(SubscribeUsersDocument, { input });
    tell(subscribeUsers.flatMap(({ subscriptions }) => subscriptions.map(({ id }) => id)));
    return subscribeUsers.flatMap(({ error }, index) =>
      error === null ? [] : [{ userId: left[index] ?? '', why: error.message }],
    );
  });
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Subscribe ${formatCount(left.length, 'user')}`}
      submit="Subscribe"
      change={subscribe}
      blocked={packageId === null}
      onSubmit={async () => {
        const found = await subscribe.mutateAsync(packageId ?? '');
        setRefused(found);
        setLeft(found.map(({ userId }) => userId));
        isDone(found);
      }}
    >
      <Select
        label="Package"
        placeholder="Choose one"
        data={choicesOf(choices.data?.packages ?? [])}
        value={packageId}
        onChange={(chosen) => {
          setPackageId(chosen);
          setRefused([]);
        }}
        searchable
        required
        data-autofocus
      />
      <Text size="sm" c="dimmed">
        From now on. Who has a base package already is not changed: move these users instead.
      </Text>
      <RefusedList refused={refused} all={userIds.length} />
    </FormDialog>
  );
}

/** Gives one feature to many users. */
export function GrantMany({ opened, onClose, userIds, onMade }: Many) {
  const choices = useAnswer(ChoicesDocument, {});
  const [featureId, setFeatureId] = useState<string | null>(null);
  const [limit, setLimit] = useState<number | ''>('');
  const [unlimited, setUnlimited] = useState(false);
  const [until, setUntil] = useState('');
  const [reason, setReason] = useState('');
  const [left, setLeft] = useState(userIds);
  const [refused, setRefused] = useState<readonly Refused[]>([]);
  const keyFor = useRepeatKey();
  const tell = useMade('grants', onMade);
  const feature = choices.data?.features.find(({ id }) => id === featureId);
  const isCounted = feature?.type === 'CONSUMABLE';
  const terms = {
    featureId: featureId ?? '',
    endsAt: readInstant(until),
    reason: reason || null,
    ...(isCounted && { limit: unlimited ? null : limit || 0 }),
  };
  const grant = useSteps(async (run): Promise<readonly Refused[]> => {
    // The key is that of the terms: after a lost answer, who has it already does not get it twice.
    const idempotencyKey = keyFor(terms);
    const found: Refused[] = [];
    const made: string[] = [];
    for (const userId of left) {
      try {
        const { grantFeature } = await run(GrantFeatureDocument, {
          input: { ...terms, userId, idempotencyKey },
        });
        made.push(grantFeature.id);
      } catch (error) {
        found.push({ userId, why: error instanceof Error ? error.message : `${error}` });
      }
    }
    tell(made);
    return found;
  });
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={`Grant a feature to ${formatCount(left.length, 'user')}`}
      submit="Grant"
      change={grant}
      blocked={feature === undefined || (isCounted && !unlimited && limit === '')}
      onSubmit={async () => {
        const found = await grant.mutateAsync(undefined);
        setRefused(found);
        setLeft(found.map(({ userId }) => userId));
        isDone(found);
      }}
    >
      <Select
        label="Feature"
        placeholder="Choose a feature"
        data={choicesOf(choices.data?.features ?? [])}
        value={featureId}
        onChange={(id) => {
          setFeatureId(id);
          setLimit('');
        }}
        searchable
        required
        data-autofocus
      />
      {isCounted && (
        <>
          <AmountInput
            key={feature.id}
            label="Limit"
            value={limit}
            onChange={setLimit}
            precision={feature.precision}
            disabled={unlimited}
          />
          <Switch
            label="No limit"
            checked={unlimited}
            onChange={(event) => setUnlimited(event.currentTarget.checked)}
          />
        </>
      )}
      <UntilAndReason until={until} onUntil={setUntil} reason={reason} onReason={setReason} />
      <RefusedList refused={refused} all={userIds.length} />
    </FormDialog>
  );
}
