import { Alert, SegmentedControl, Select, Stack, Switch, Text } from '@mantine/core';
import { useState } from 'react';
import { useAnswer, useChange } from '../api/hooks.ts';
import { useRepeatKey } from '../api/repeat-key.ts';
import {
  ChoicesDocument,
  type CountedFragment,
  GrantFeatureDocument,
  TopUpDocument,
} from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { FormDialog } from '../parts/dialog.tsx';
import { choicesOf } from '../parts/ids.ts';
import { readInstant } from '../parts/instants.ts';
import type { Opened } from '../parts/opener.tsx';
import type { GivenTab } from './given-tabs.ts';
import { blankTerms, GrantTerms, type Terms, termsInput } from './grant-terms.tsx';
import { type Gift, type Present, reasonAgainst, resultOf } from './present.ts';
import { UntilAndReason } from './until-and-reason.tsx';

/** Gives one user more of a feature: an amount once, or another limit, until a date or without an end. */
export function GiveMore(
  props: Opened & {
    userId: string;
    /** Of the dialog without a feature, the first field chooses one. */
    feature?: CountedFragment | undefined;
    /** What the user has of it; null without an entitlement. */
    present?: Present | null;
    /** Gets the list that has what was given. */
    onGiven: (tab: GivenTab) => void;
  },
) {
  const { opened, onClose, userId, present = null, onGiven } = props;
  const [featureId, setFeatureId] = useState(props.feature?.id ?? null);
  const choices = useAnswer(ChoicesDocument, {}, { enabled: props.feature === undefined });
  const feature = props.feature ?? choices.data?.features.find(({ id }) => id === featureId);
  const [way, setWay] = useState<Gift['way']>(present === null ? 'LIMIT' : 'TOP_UP');
  const [amount, setAmount] = useState<number | ''>('');
  const [unlimited, setUnlimited] = useState(false);
  const [until, setUntil] = useState('');
  const [reason, setReason] = useState('');
  const [terms, setTerms] = useState(blankTerms);
  const grant = useChange(GrantFeatureDocument);
  const topUp = useChange(TopUpDocument);
  const keyFor = useRepeatKey();
  const isBinary = feature?.type === 'BINARY';
  const isTopUp = way === 'TOP_UP' && !isBinary;
  const gift: Gift = { way, amount: unlimited ? null : amount, until, startsAt: terms.startsAt };
  const give = (): Promise<unknown> => {
    const common = { userId, featureId: feature?.id ?? '', reason: reason || null };
    const end = readInstant(until);
    if (isTopUp) {
      const input = { ...common, amount: amount || 0, expiresAt: end };
      return topUp.mutateAsync({ input: { ...input, idempotencyKey: keyFor(input) } });
    }
    const input = { ...common, endsAt: end, ...grantInput(isBinary, gift, terms) };
    return grant.mutateAsync({ input: { ...input, idempotencyKey: keyFor(input) } });
  };
  return (
    <FormDialog
      opened={opened}
      onClose={onClose}
      title={props.feature === undefined ? 'Give a feature' : `Give more: ${props.feature.name}`}
      submit="Give"
      change={isTopUp ? topUp : grant}
      blocked={feature === undefined}
      onSubmit={() => give().then(() => onGiven(isTopUp ? 'top-ups' : 'grants'))}
    >
      {props.feature === undefined && (
        <Select
          label="Feature"
          placeholder="Choose a feature"
          data={choicesOf(choices.data?.features ?? [])}
          value={featureId}
          onChange={(id) => {
            setFeatureId(id);
            setAmount('');
          }}
          searchable
          required
          data-autofocus
        />
      )}
      {feature?.type === 'CONSUMABLE' && (
        <Amounts
          feature={feature}
          present={present}
          gift={gift}
          onWay={setWay}
          onAmount={setAmount}
          onUnlimited={setUnlimited}
        />
      )}
      <UntilAndReason until={until} onUntil={setUntil} reason={reason} onReason={setReason} />
      {!isTopUp && feature !== undefined && (
        <GrantTerms terms={terms} onChange={setTerms} isBinary={isBinary} />
      )}
    </FormDialog>
  );
}

const grantInput = (isBinary: boolean, { amount }: Gift, terms: Terms) =>
  isBinary
    ? { startsAt: readInstant(terms.startsAt) }
    : { limit: amount === '' ? 0 : amount, ...termsInput(terms) };

const ways = [
  { value: 'TOP_UP', label: 'Top up' },
  { value: 'LIMIT', label: 'Raise the limit' },
];

const meanings: Record<Gift['way'], string> = {
  TOP_UP: 'Adds an amount, once. It is used when the limit of the period is used up, and never resets.',
  LIMIT: 'Another limit beside those of the packages: the highest counts.',
};

/** How much, and what becomes of it. */
function Amounts(props: {
  feature: CountedFragment | { precision: number };
  present: Present | null;
  gift: Gift;
  onWay: (way: Gift['way']) => void;
  onAmount: (amount: number | '') => void;
  onUnlimited: (unlimited: boolean) => void;
}) {
  const { feature, present, gift, onWay, onAmount, onUnlimited } = props;
  const { way, amount } = gift;
  const against = reasonAgainst(gift, present);
  const result = resultOf(gift, present);
  return (
    <>
      <Stack gap={4}>
        <SegmentedControl
          aria-label="How"
          data={ways}
          value={way}
          onChange={(value) => {
            onUnlimited(false);
            onWay(value === 'TOP_UP' ? 'TOP_UP' : 'LIMIT');
          }}
          fullWidth
        />
        <Text size="sm" c="dimmed">
          {meanings[way]}
        </Text>
      </Stack>
      <AmountInput
        label={way === 'TOP_UP' ? 'Amount' : 'Limit'}
        value={amount ?? ''}
        placeholder={amount === null ? 'Unlimited' : undefined}
        disabled={amount === null}
        required={amount !== null}
        onChange={onAmount}
        precision={feature.precision}
        data-autofocus
      />
      {way === 'LIMIT' && (
        <Switch
          label="Unlimited"
          checked={amount === null}
          onChange={(event) => onUnlimited(event.currentTarget.checked)}
        />
      )}
      {against !== null && <Alert color="yellow">{against}</Alert>}
      {against === null && result !== null && <Text size="sm">{result}</Text>}
    </>
  );
}
