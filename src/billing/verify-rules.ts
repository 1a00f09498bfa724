import { changesOf, type Flag, type Projected, type Stored } from './projection-rules.ts';

/**
 * How the stored subscriptions of a user differ from what Stripe says now, in one line each: what a sync would change.
 */
export function subscriptionDifferences(
  stored: readonly Stored[],
  held: readonly Projected[],
  now: Date,
): string[] {
  const { update, insert } = changesOf(stored, held, now);
  const known = new Map(stored.map((row) => [row.id, row]));
  return [
    ...update.map(
      (row) => `${nameOf(row)}: here ${stateOf(known.get(row.id) ?? row)}, by Stripe ${stateOf(row)}`,
    ),
    ...insert.map((row) => `${nameOf(row)}: here nothing, by Stripe ${stateOf(row)}`),
  ];
}

type Row = Omit<Projected, 'customerId'>;

const nameOf = ({ providerSubscriptionId, itemId, packageId }: Row) =>
  `${providerSubscriptionId === null ? 'payment' : `subscription ${providerSubscriptionId}, item`} ${itemId}, package ${packageId}`;

function stateOf({ status, providerStatus, endedAt, cancelsAt, trialEnd }: Row): string {
  const times = Object.entries({ ended: endedAt, 'cancels at': cancelsAt, 'trial until': trialEnd });
  const told = times.flatMap(([name, at]) => (at === null ? [] : [`${name} ${at.toISOString()}`]));
  return [`${status} (${providerStatus})`, ...told].join(', ');
}

/** How the stored flags of a customer differ from those that Stripe's answer makes. */
export function flagDifferences(
  customerId: string,
  stored: readonly Flag[],
  flags: readonly Flag[],
): string[] {
  const namesOf = (each: readonly Flag[]) =>
    each
      .filter((flag) => flag.customerId === customerId)
      .map(({ kind, providerId }) => `${kind} ${providerId ?? ''}`.trim())
      .sort();
  const [here, there] = [namesOf(stored), namesOf(flags)];
  return here.join() === there.join()
    ? []
    : [
        `customer ${customerId}: flags here ${here.join(', ') || 'none'}, by Stripe ${there.join(', ') || 'none'}`,
      ];
}
