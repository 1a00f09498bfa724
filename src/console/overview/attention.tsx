import { Anchor, Title } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'react-router';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { AttentionDocument, FlaggedDocument, type OverviewQuery } from '../generated/operations.ts';
import { Failure } from '../parts/answer.tsx';
import { formatNumber } from '../parts/numbers.ts';
import { freshMs } from './ahead.ts';

/** Refresh interval in milliseconds. */
const pace = 30_000;
/** The API lists at most so many of a flag here. */
const many = 100;

interface Matter {
  to: string;
  label: string;
}

/** What needs a person, as one short list; hidden if nothing does. */
export function Attention({ overview }: { overview: OverviewQuery }) {
  const paths = usePaths();
  const { data, error } = useAnswer(AttentionDocument, {}, { every: pace });
  const flagged = useAnswer(FlaggedDocument, {}, { every: freshMs.many, freshMs: freshMs.many });
  const { sameEmail = [], withoutBillingId = [] } = flagged.data?.flaggedUsers ?? {};
  const { segmentStatus: segment } = overview;
  // Until it is here, what is known already stands, so that nothing below is moved.
  const failing = (data?.webhooks ?? []).filter(
    ({ failingSince, disabledAt }) => failingSince ?? disabledAt,
  ).length;
  const matters: (Matter | null)[] = [
    matter(failing, paths.webhooks, 'webhook fails or is disabled', 'webhooks fail or are disabled'),
    matter(data?.billingFlags.length ?? 0, paths.stripe, 'payment to look at', 'payments to look at'),
    matter(segment.unmatched, paths.unmatchedEvents, 'unmatched event', 'unmatched events'),
    matter(
      segment.pendingEvents,
      paths.eventLog('PENDING_USER'),
      'event of an unknown user',
      'events of unknown users',
    ),
    matter(
      sameEmail.length,
      paths.sameEmail,
      'user with the email of another',
      'users with the email of another',
    ),
    // Without a billing provider nobody needs an id there.
    data === undefined || data.stripeConnection === null
      ? null
      : matter(
          withoutBillingId.length,
          paths.withoutBillingId,
          'user without a billing id',
          'users without a billing id',
        ),
  ];
  const open = matters.filter((each) => each !== null);
  if (open.length === 0) return <Failure error={error ?? flagged.error} />;
  return (
    <section aria-label="Needs attention" className="attention">
      <Title order={2} size="h5">
        <IconAlertTriangle size={16} aria-hidden /> Needs attention
      </Title>
      <ul>
        {open.map(({ to, label }) => (
          <li key={label}>
            <Anchor component={Link} to={to} fz="sm" c="inherit">
              {label}
            </Anchor>
          </li>
        ))}
      </ul>
    </section>
  );
}

function matter(count: number, to: string, one: string, several: string): Matter | null {
  if (count === 0) return null;
  const shown =
    count >= many && several.startsWith('users') ? `${formatNumber(many)} or more` : formatNumber(count);
  return { to, label: `${shown} ${count === 1 ? one : several}` };
}
