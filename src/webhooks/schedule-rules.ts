/*
 * When what could not be delivered is sent again. A delivery has its own pauses; a webhook that fails whatever it is
 * sent gets one probe at a time, so that a dead address costs little.
 */

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** The pauses after each failed attempt. The last one repeats. */
const pausesMs = [
  5 * secondMs,
  30 * secondMs,
  2 * minuteMs,
  10 * minuteMs,
  30 * minuteMs,
  hourMs,
  2 * hourMs,
  4 * hourMs,
  8 * hourMs,
  12 * hourMs,
  20 * hourMs,
  24 * hourMs,
];
const longestPauseMs = 24 * hourMs;

/** So many failures in a row, of whatever events, and the webhook counts as failing. */
export const failingAfter = 5;
const longestProbePauseMs = 5 * minuteMs;

/** A webhook that fails for so long is disabled. */
export const disabledAfterMs = 72 * hourMs;

/** How many deliveries a batch reads: the first of a webhook, and any other. */
export const batchSizes = { first: 25, least: 8, most: 100 };

/**
 * How many deliveries of a webhook are read next: twice as many as the batch before has begun. While requests are
 * answered, deliveries wait for their turns, and what a batch has read and not begun is read once more.
 */
export const nextBatchSize = (begun: number): number =>
  Math.min(Math.max(2 * begun, batchSizes.least), batchSizes.most);

/** What came back. */
export type Answer =
  | {
      status: number;
      body: string;
      /** How long the receiver asks to be left alone. */
      retryAfterMs?: number;
    }
  | { problem: string };

/** Who asks for more gets a message after this all the same. */
const longestRetryAfterMs = hourMs;

/**
 * How long a receiver that is overloaded asks to be left alone, from its header Retry-After: seconds, or a date. Null if
 * it asks for nothing that can be understood.
 */
export function retryAfterMs(status: number, header: string | undefined, now: Date): number | null {
  if (header === undefined || (status !== 429 && status !== 503)) return null;
  const text = header.trim();
  const isDate = /^[A-Z][a-z]{2}, .+ GMT$/.test(text);
  const askedMs = /^\d+$/.test(text)
    ? Number(text) * secondMs
    : isDate
      ? Date.parse(text) - now.getTime()
      : Number.NaN;
  return askedMs > 0 ? Math.min(askedMs, longestRetryAfterMs) : null;
}

/** How long these answers ask to be left alone. */
const askedMs = (answers: readonly Answer[]): number =>
  Math.max(0, ...answers.map((answer) => ('status' in answer ? (answer.retryAfterMs ?? 0) : 0)));

/** Only 2xx means that the receiver has it. A redirect is not followed, so it is a failure. */
export const isDelivered = (answer: Answer): boolean =>
  'status' in answer && answer.status >= 200 && answer.status < 300;

/** By this status, the receiver says that it wants nothing any more. */
export const isGone = (answer: Answer): boolean => 'status' in answer && answer.status === 410;

/** What becomes of a delivery after an attempt. */
export interface Next {
  state: 'PENDING' | 'DELIVERED' | 'DEAD';
  nextAttemptAt: Date;
}

/**
 * A delivery is given up by its time alone, not by the number of attempts: one that is brought forward several times keeps
 * its three days.
 *
 * @param attempts the attempts so far, with this one
 * @param spread from 0 to 1: makes pauses up to a tenth longer, so that what failed together is not sent together
 */
export function afterAttempt(
  answer: Answer,
  { attempts, retryUntil }: { attempts: number; retryUntil: Date },
  now: Date,
  spread: number,
): Next {
  if (isDelivered(answer)) return { state: 'DELIVERED', nextAttemptAt: now };
  if (now >= retryUntil) return { state: 'DEAD', nextAttemptAt: now };
  const pauseMs = Math.max(pausesMs[attempts - 1] ?? longestPauseMs, askedMs([answer]));
  const next = now.getTime() + pauseMs * (1 + spread / 10);
  return { state: 'PENDING', nextAttemptAt: new Date(Math.min(next, retryUntil.getTime())) };
}

/** How a webhook has answered lately. */
export interface Health {
  failures: number;
  failingSince: Date | null;
}

export interface HealthAfter extends Health {
  pausedUntil: Date | null;
  disabledReason: string | null;
}

export const isFailing = ({ failures }: Health): boolean => failures >= failingAfter;

/** The health of a webhook after these answers, in the order in which they came. */
export function afterAnswers(health: Health, answers: readonly Answer[], now: Date): HealthAfter {
  const lastGood = answers.findLastIndex(isDelivered);
  const since = lastGood < 0 ? health.failingSince : null;
  const bad = answers.length - 1 - lastGood;
  const failures = (lastGood < 0 ? health.failures : 0) + bad;
  const failingSince = bad === 0 ? since : (since ?? now);
  const pauseMs = Math.max(failures >= failingAfter ? probePauseMs(failures) : 0, askedMs(answers));
  return {
    failures,
    failingSince,
    pausedUntil: pauseMs > 0 ? new Date(now.getTime() + pauseMs) : null,
    disabledReason: disabledReason({ failures, failingSince }, answers.at(-1), now),
  };
}

/** So long a webhook must have failed before an answer means that it is back. */
const outageMs = minuteMs;

/**
 * Whether what waits for its next attempt is brought forward after these answers: a webhook that failed for a while
 * answers again, or a test message was delivered. One message that is always refused, among others that are not, does
 * not bring itself forward: then the webhook does not count as failing.
 */
export function isBack(
  before: Health,
  answers: readonly (Answer & { isTest: boolean })[],
  now: Date,
): boolean {
  const last = answers.at(-1);
  if (last === undefined || !isDelivered(last)) return false;
  const { failingSince } = before;
  const hadOutage = failingSince !== null && now.getTime() - failingSince.getTime() >= outageMs;
  return (isFailing(before) && hadOutage) || answers.some((each) => each.isTest && isDelivered(each));
}

const probePauseMs = (failures: number) =>
  Math.min(5 * secondMs * 2 ** Math.min(failures - failingAfter, 16), longestProbePauseMs);

function disabledReason(health: Health, last: Answer | undefined, now: Date): string | null {
  if (last !== undefined && isGone(last)) return 'It answered 410 (Gone).';
  const isLong =
    health.failingSince !== null && now.getTime() - health.failingSince.getTime() >= disabledAfterMs;
  return isLong && isFailing(health) ? 'It failed for three days.' : null;
}
