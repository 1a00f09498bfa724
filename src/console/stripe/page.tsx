import { Code, Group, Progress, Stack, Text } from '@mantine/core';
import { useAnswer, useChange } from '../api/hooks.ts';
import { ConfigurationHead } from '../catalogue/head.tsx';
import { ImportStripeDocument, StripeDocument, type StripeQuery } from '../generated/operations.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Answer, Empty, Failure } from '../parts/answer.tsx';
import { Card } from '../parts/card.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Moment } from '../parts/moment.tsx';
import { formatCount } from '../parts/numbers.ts';
import { usePages } from '../parts/pager.tsx';
import { Needs } from '../parts/permission.tsx';
import { Connect } from './connect.tsx';
import { Disconnect } from './disconnect.tsx';
import { Flags } from './flags.tsx';
import { ProviderPrices } from './provider-prices.tsx';
import { ProviderSubscriptions } from './provider-subscriptions.tsx';

/** An import that runs is looked at again after this time. */
const everyMs = 2_000;

/** Stripe: connection, import, prices with their packages, what needs a person, and what customers bought. */
export function Page() {
  const pages = usePages();
  const flagPages = usePages();
  const answer = useAnswer(
    StripeDocument,
    { after: pages.after ?? null, flaggedAfter: flagPages.after ?? null },
    { keepPrevious: true, every: everyMs },
  );
  return (
    <Needs value="admin">
      <ConfigurationHead title="Stripe" />
      <Answer of={answer}>
        {({ stripeConnection, formerStripeConnection, providerPrices, billingFlags }) =>
          stripeConnection === null ? (
            <NotConnected former={formerStripeConnection} />
          ) : (
            <Stack>
              <Connection connection={stripeConnection} />
              <ProviderPrices prices={providerPrices} pages={pages} />
              <Flags flags={billingFlags} pages={flagPages} />
              <ProviderSubscriptions />
            </Stack>
          )
        }
      </Answer>
    </Needs>
  );
}

const NotConnected = ({ former }: { former: StripeQuery['formerStripeConnection'] }) => (
  <Card title="Connection">
    <Empty title="Stripe is not connected" action={<Connect label="Connect Stripe" />}>
      Once it is, customers who pay for a package at Stripe hold it here. You need a key and the signing
      secret of a webhook endpoint.
    </Empty>
    {former === null ? null : <Former facts={former} />}
  </Card>
);

const Former = ({ facts }: { facts: NonNullable<StripeQuery['formerStripeConnection']> }) => (
  <Text>
    The account <Code>{facts.accountId}</Code> was disconnected <Moment at={facts.disconnectedAt} />. It still
    holds {formatCount(facts.heldSubscriptions, 'subscription')}, as Stripe said last: nothing changes or ends
    them by itself. Connect the same account again to follow them.
  </Text>
);

type ConnectionFacts = NonNullable<StripeQuery['stripeConnection']>;

function Connection({ connection }: { connection: ConnectionFacts }) {
  const start = useChange(ImportStripeDocument);
  const { state } = connection.import;
  return (
    <Card
      title="Connection"
      action={
        <Group gap="xs">
          <Connect label="Change keys" connection={connection} />
          <Disconnect />
          <ActionButton
            size="xs"
            loading={start.isPending}
            disabled={state === 'RUNNING'}
            onClick={() => start.mutate({})}
          >
            {state === null ? 'Import' : 'Import again'}
          </ActionButton>
        </Group>
      }
    >
      <Group gap="xs">
        <Text>Account</Text>
        <Copyable text={connection.accountId} />
        <Text c="dimmed" component="span">
          connected <Moment at={connection.connectedAt} />
        </Text>
      </Group>
      {connection.problem === null ? null : (
        <Text role="alert">
          Stripe cannot be asked: {connection.problem}, since <Moment at={connection.problemSince ?? ''} />.
          What is held stays as Stripe said last. The server asks again by itself, at most a minute apart, and
          follows what happened meanwhile.
        </Text>
      )}
      <ImportState facts={connection.import} />
      <Text size="sm" c="dimmed">
        {connection.withholdAccessWhilePaused
          ? 'While Stripe collects no payments for a subscription, it gives no access.'
          : 'While Stripe collects no payments for a subscription, it gives access as before.'}
      </Text>
      <Failure error={start.error} />
    </Card>
  );
}

function ImportState({ facts }: { facts: ConnectionFacts['import'] }) {
  const counts = [
    formatCount(facts.prices, 'price'),
    formatCount(facts.customers, 'customer'),
    formatCount(facts.subscriptions, 'subscription'),
  ].join(', ');
  if (facts.state === null)
    return <Text>Nothing is imported yet. An import reads prices, customers and subscriptions.</Text>;
  if (facts.state === 'RUNNING') return <Running facts={facts} counts={counts} />;
  if (facts.state === 'FAILED')
    return <Text role="alert">The last import ended early: {facts.problem}.</Text>;
  return (
    <Text>
      Imported {counts}, <Moment at={facts.endedAt ?? ''} />. New ones follow by themselves.
    </Text>
  );
}

function Running({ facts, counts }: { facts: ConnectionFacts['import']; counts: string }) {
  const { total, customers } = facts;
  const percent = total === null || total === 0 ? 0 : Math.min(100, (customers / total) * 100);
  return (
    <Stack gap={4}>
      <Text role="status">
        {total === null
          ? 'The import is running: customers are counted first.'
          : `The import is running: ${counts} so far, of ${formatCount(total, 'customer')}.`}{' '}
        You can leave this page.
      </Text>
      <Progress value={percent} aria-label="Imported customers" />
    </Stack>
  );
}
