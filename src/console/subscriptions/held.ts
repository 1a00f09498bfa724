import type { SubscriptionStatus, UserQuery } from '../generated/operations.ts';

export type Subscription = NonNullable<UserQuery['subscriptions']>[number];

const over: readonly SubscriptionStatus[] = ['CANCELLED', 'INCOMPLETE_EXPIRED'];

/** Whether it goes on, or will begin. */
export const isHeld = ({ status }: { status: SubscriptionStatus }): boolean => !over.includes(status);

/** The base package that the user has now; else the one that will begin. */
export function baseOf(held: readonly Subscription[]): Subscription | undefined {
  const bases = held.filter((each) => !each.package.isAddon);
  return bases.find(({ status }) => status !== 'SCHEDULED') ?? bases[0];
}

/** Whether the add-on is open to this base package. */
export const isOpenTo = (
  { basePackages }: { basePackages: readonly { id: string }[] },
  baseId: string,
): boolean => basePackages.length === 0 || basePackages.some(({ id }) => id === baseId);

export const namesOf = (subscriptions: readonly Subscription[]): string =>
  subscriptions.map(({ package: { name } }) => name).join(', ');
