import type { PoolClient } from 'pg';
import { BusyError, unavailabilityOf } from './errors.ts';

/*
 * For batches that lock rows. Another transaction may hold such a row for long, for instance while it merges a user. An
 * item whose row is locked never delays the other items of its batch.
 */

/** The row is locked by another transaction, or was changed by it: run the item again. */
export const RETRY = Symbol('retry');

/** The maximum time for an item, in all. Then its caller is told to retry. */
const answerTimeoutMs = 5_000;

/** The maximum wait for one lock. Later batches of the lane wait as long. */
const lockTimeoutMs = 250;

/** Limits the wait for each lock in this transaction. */
export async function waitBriefly(client: Pick<PoolClient, 'query'>): Promise<void> {
  await client.query(`set local lock_timeout = '${lockTimeoutMs}ms'`);
}

/**
 * Runs until the result is not RETRY.
 *
 * @throws BusyError after the timeout
 */
export async function untilAnswered<Answer>(run: () => Promise<Answer | typeof RETRY>): Promise<Answer> {
  const startedAt = performance.now();
  for (;;) {
    const answer = await run();
    if (answer !== RETRY) return answer;
    if (performance.now() - startedAt > answerTimeoutMs)
      throw new BusyError('the user was locked by other transactions for too long');
  }
}

type Answered<Answer> = Answer | typeof RETRY | Error;

/** How a batch is run. */
interface Runs<Item, Answer> {
  /** The users whose rows an item locks. */
  ownersOf(item: Item): readonly string[];
  /** Skips locked rows. Returns RETRY for their items. */
  runFree(items: readonly Item[]): Promise<Answered<Answer>[]>;
  /** Waits briefly for locked rows. */
  runWaiting(items: readonly Item[]): Promise<Answered<Answer>[]>;
}

/**
 * Runs the items whose rows are free. Of the rest, waits for the first item and for those with the same owners. The
 * others return RETRY.
 */
export async function runHeld<Item, Answer>(
  items: readonly Item[],
  { ownersOf, runFree, runWaiting }: Runs<Item, Answer>,
): Promise<Answered<Answer>[]> {
  const answers = await runFree(items);
  const first = items[answers.indexOf(RETRY)];
  if (first === undefined) return answers;
  const owners = new Set(ownersOf(first));
  const isWaitedFor = (item: Item, index: number) =>
    answers[index] === RETRY && ownersOf(item).every((owner) => owners.has(owner));
  const places = [...items.keys()].filter((index) => isWaitedFor(items[index] as Item, index));
  const waited = await answerOrRetry(
    places.map((index) => items[index] as Item),
    runWaiting,
  );
  const byPlace = new Map(places.map((place, at) => [place, waited[at] as Answered<Answer>]));
  return answers.map((answer, index) =>
    byPlace.has(index) ? (byPlace.get(index) as typeof answer) : answer,
  );
}

async function answerOrRetry<Item, Answer>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<Answered<Answer>[]>,
): Promise<Answered<Answer>[]> {
  try {
    return [...(await run(items))];
  } catch (error) {
    const answer = unavailabilityOf(error) === 'locked' ? RETRY : (error as Error);
    return items.map(() => answer);
  }
}
