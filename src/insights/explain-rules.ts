import { type Amount, amountText, oneUnit } from '../amount.ts';
import {
  type Entitlement,
  entitlementOf,
  type Grant,
  highestGrant,
  type TopUpBalance,
} from '../entitlements/rules.ts';
import { type Window, windowAt } from '../entitlements/window-rules.ts';
import { goesOnAfter, liveStatuses, type Times } from '../subscriptions/status-rules.ts';

/** Something that the user holds, or held, and that is about the feature: it may count. */
export interface Holding extends Grant {
  endedAt: Date | null;
  /** The package and what decides over its status; null for a feature grant. */
  subscription: (Times & { packageId: string; version: number }) | null;
}

/** Why a candidate counts, or does not. */
export type Outcome =
  | 'COUNTS'
  | 'LOWER_LIMIT'
  | 'NO_OVERAGE'
  | 'LATER_START'
  | 'NOT_LIVE'
  | 'NOT_STARTED'
  | 'ENDED';

export interface Candidate extends Holding {
  outcome: Outcome;
  /** The outcome as a sentence. */
  reason: string;
  /** The window that the instant falls in; null if the candidate is not live then, or the feature is BINARY. */
  window: Window | null;
}

/** What is asked: a user and a feature, at an instant. */
export interface Question {
  userId: string;
  featureId: string;
  featureType: 'BINARY' | 'CONSUMABLE';
  at: Date;
  /** Whether that was before now. */
  isPast: boolean;
}

/**
 * Why a holding does not count at an instant, whatever else the user holds; null if it may count. The status that is
 * stored is that of now. What was cancelled gave access until its end; of other statuses the past is not known.
 */
function hindranceOf(
  { startedAt, endedAt, subscription }: Holding,
  { at, isPast }: Question,
): Outcome | null {
  if (!goesOnAfter({ endedAt }, at)) return 'ENDED';
  if (startedAt > at) return 'NOT_STARTED';
  if (subscription === null) return null;
  const { status } = subscription;
  if (status === 'SCHEDULED' || liveStatuses.some((live) => live === status)) return null;
  return status === 'CANCELLED' && isPast ? null : 'NOT_LIVE';
}

/** Why a live holding loses against the one that counts; see highestGrant. */
function lossOf(holding: Holding, winner: Holding): Outcome {
  if (holding.limit !== winner.limit) return 'LOWER_LIMIT';
  return holding.overageEnabled === winner.overageEnabled ? 'LATER_START' : 'NO_OVERAGE';
}

/** The candidates: the one that counts, then the others that are live, then the rest; the newest start first. */
export function judge(holdings: readonly Holding[], question: Question): Candidate[] {
  const live = holdings.filter((each) => hindranceOf(each, question) === null);
  const winner = highestGrant(live);
  const rank = (each: Holding) => (each === winner ? 0 : live.includes(each) ? 1 : 2);
  const newestFirst = (a: Holding, b: Holding) => b.startedAt.getTime() - a.startedAt.getTime();
  return holdings
    .toSorted((a, b) => rank(a) - rank(b) || newestFirst(a, b))
    .map((each) => {
      const loss = winner === null || each === winner ? 'COUNTS' : lossOf(each, winner);
      const outcome = hindranceOf(each, question) ?? loss;
      const counted = live.includes(each) && question.featureType === 'CONSUMABLE';
      const reason = reasonOf(outcome, each, winner, question.featureType);
      return { ...each, outcome, reason, window: counted ? windowAt(each, question.at) : null };
    });
}

/** An instant in UTC, to the minute. */
const timeText = (at: Date) => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

const limitText = (limit: Amount | null) => (limit === null ? 'no limit' : `a limit of ${amountText(limit)}`);

function nameOf({ subscription }: Holding): string {
  return subscription === null
    ? 'the grant'
    : `the package "${subscription.packageId}" (version ${subscription.version})`;
}

const capital = (text: string) => `${text[0]?.toUpperCase()}${text.slice(1)}`;

function reasonOf(
  outcome: Outcome,
  holding: Holding,
  winner: Holding | null,
  featureType: Question['featureType'],
): string {
  const { startedAt, endedAt, limit, subscription } = holding;
  const other = winner === null ? '' : nameOf(winner);
  switch (outcome) {
    case 'COUNTS':
      return featureType === 'BINARY'
        ? 'It counts: it is live.'
        : `It counts: of what is live, it has the highest limit (${limitText(limit)}).`;
    case 'LOWER_LIMIT':
      return `It has ${limitText(limit)}; ${other} has ${limitText(winner?.limit ?? null)}, and the highest counts.`;
    case 'NO_OVERAGE':
      return `It has the same limit as ${other}, which allows overage.`;
    case 'LATER_START':
      return `It has the same terms as ${other}, which started earlier.`;
    case 'NOT_LIVE':
      return `Its status is ${subscription?.status}; only ACTIVE and TRIALING give access.`;
    case 'NOT_STARTED':
      return `It starts at ${timeText(startedAt)}.`;
    case 'ENDED':
      return `It ended at ${endedAt === null ? 'an unknown time' : timeText(endedAt)}.`;
  }
}

/** What was found of the candidate that counts, at the instant. */
export interface Found {
  /** The total of its window. */
  used: Amount;
  topUp?: TopUpBalance;
  held?: Amount;
}

/** Whether one more may be used at the instant. */
export function answerOf({ featureType }: Question, winner: Candidate | null, found: Found): Entitlement {
  return entitlementOf({ featureType, precision: 0, grant: winner, ...found }, oneUnit);
}

/** The answer in one or two sentences. */
export function summaryOf(question: Question, candidates: readonly Candidate[], found: Found): string {
  const { userId, featureId, featureType } = question;
  const [first] = candidates;
  if (first === undefined)
    return `"${userId}" has no access to "${featureId}": the user never had a package or a grant with it.`;
  if (first.outcome !== 'COUNTS')
    return `"${userId}" has no access to "${featureId}": nothing with it is live. ${capital(nameOf(first))}: ${first.reason}`;
  const { access, consumption } = answerOf(question, first, found);
  if (featureType === 'BINARY') return `"${userId}" has access to "${featureId}" by ${nameOf(first)}.`;
  const { topUp, held = 0n } = found;
  const used = amountText(consumption?.used ?? 0n);
  const of = first.limit === null ? ', without a limit' : ` of ${amountText(first.limit)}`;
  const start = first.window === null ? '' : ` since ${timeText(first.window.start)}`;
  const parts = [
    `"${userId}" ${access ? 'may' : 'may not'} use "${featureId}": ${nameOf(first)} counts, and ${used}${of} is used${start}.`,
  ];
  if (topUp !== undefined) parts.push(`Top-ups have ${amountText(topUp.remaining)} left.`);
  if (held > 0n) parts.push(`Reservations hold ${amountText(held)}.`);
  if (access && first.overageEnabled && consumption?.remaining === 0n) parts.push('Overage is allowed.');
  if (!access && first.window?.end) parts.push(`It resets at ${timeText(first.window.end)}.`);
  return parts.join(' ');
}
