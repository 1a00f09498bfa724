import type { PoolClient } from 'pg';
import { BusyError, unavailabilityOf } from './errors.ts';

/*
 * For batches of work on rows that somebody else may hold for long, such as the row of a user who is merged. Nothing in
 * a batch waits for what another part of it needs.
 */

/** Somebody else holds what is needed, or changed it at the same instant: ask again. */
export const RETRY = Symbol('retry');

/** How long an answer may take in all. The caller may try again then. */
const answerTimeoutMs = 5_000;

/** How long a batch waits for one lock, while all that comes after it waits. */
const lockTimeoutMs = 250;

/** Lets this transaction wait for each lock for a short time only. */
export async function waitBriefly(client: Pick<PoolClient, 'query'>): Promise<void> {
  await client.query(`set local lock_timeout = '${lockTimeoutMs}ms'`);
}

/**
 * Asks until there is an answer.
 *
 * @throws BusyError when there is none in time
 */
export async function untilAnswered<Answer>(ask: () => Promise<Answer | typeof RETRY>): Promise<Answer> {
  const startedAt = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer !== RETRY) return answer;
    if (performance.now() - startedAt > answerTimeoutMs)
      throw new BusyError('the user was held by somebody else, or changed without a pause, for too long');
  }
}

type Answered<Answer> = Answer | typeof RETRY | Error;

/** How a batch is run: of what is free, and of what is waited for. */
interface Runs<Item, Answer> {
  /** Whom an item needs. */
  ownersOf(item: Item): readonly string[];
  /** Answers RETRY for an item whose owner somebody holds. */
  runFree(items: readonly Item[]): Promise<Answered<Answer>[]>;
  /** Waits for the owners, briefly. */
  runWaiting(items: readonly Item[]): Promise<Answered<Answer>[]>;
}

/**
 * Runs what is free. Of the rest, the first item is waited for, with those that need the same owners; all others are to
 * be asked again.
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
