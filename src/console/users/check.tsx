import { Alert, Button, Group, Select, Text } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { Resets } from '../allowances/resets.tsx';
import { useAnswer } from '../api/hooks.ts';
import { CheckFeatureDocument, type CheckFeatureQuery, ChoicesDocument } from '../generated/operations.ts';
import { AmountInput } from '../parts/amount-input.tsx';
import { Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { formatNumber } from '../parts/numbers.ts';

const Why = lazy(() => import('./why.tsx').then(({ Why }) => ({ default: Why })));

/** Runs the same check as canUseFeature and shows the reason: why is this user blocked? */
export function Check({ userId }: { userId: string }) {
  const choices = useAnswer(ChoicesDocument, {});
  const [featureId, setFeatureId] = useState<string | null>(null);
  const [amount, setAmount] = useState<number | ''>(1);
  const [asked, setAsked] = useState<{ featureId: string; amount: number } | null>(null);
  // Refetched after every change, so that the answer is current.
  const check = useAnswer(
    CheckFeatureDocument,
    { userId, featureId: asked?.featureId ?? '', amount: asked?.amount },
    { enabled: asked !== null },
  );
  const features = choices.data?.features ?? [];
  const feature = features.find(({ id }) => id === featureId);
  return (
    <Card title="Check access">
      <Text size="sm" c="dimmed">
        Asks what your server asks with canUseFeature, and says why. Nothing is recorded.
      </Text>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (featureId !== null) setAsked({ featureId, amount: amount === '' ? 1 : amount });
        }}
      >
        <Group align="end">
          <Select
            label="Feature"
            placeholder="Choose a feature"
            disabled={choices.data === undefined}
            data={features.map(({ id, name }) => ({ value: id, label: name }))}
            value={featureId}
            onChange={(id) => {
              setAsked(null);
              setFeatureId(id);
              setAmount(1);
            }}
            searchable
          />
          {feature?.type === 'CONSUMABLE' && (
            <AmountInput
              label="Amount"
              w={120}
              value={amount}
              onChange={setAmount}
              precision={feature.precision}
            />
          )}
          <Button
            type="submit"
            variant="default"
            size="sm"
            disabled={featureId === null}
            loading={check.isFetching}
          >
            Check
          </Button>
        </Group>
      </form>
      {asked !== null && check.data && (
        <Alert
          role="status"
          color={check.data.canUseFeature.access ? 'gray' : 'red'}
          title={check.data.canUseFeature.access ? 'Now: yes' : 'Now: no'}
        >
          {check.data.canUseFeature.reason}{' '}
          <Hope userId={userId} asked={asked} answer={check.data.canUseFeature} />
        </Alert>
      )}
      {asked !== null && check.data && (
        <Suspense fallback={null}>
          <Why key={asked.featureId} userId={userId} featureId={asked.featureId} />
        </Suspense>
      )}
      <Failure error={check.error} />
    </Card>
  );
}

/** What gives access again to a user with too little left. */
function Hope(props: {
  userId: string;
  asked: { featureId: string; amount: number };
  answer: CheckFeatureQuery['canUseFeature'];
}) {
  const { userId, asked, answer } = props;
  const budget = answer.consumption?.budget;
  if (answer.access || budget == null) return null;
  // A reset restores at most the whole budget.
  if (asked.amount > budget)
    return (
      <>So many at once are more than the {formatNumber(budget)} that are granted: no reset gives access.</>
    );
  return <Resets userId={userId} featureId={asked.featureId} />;
}
