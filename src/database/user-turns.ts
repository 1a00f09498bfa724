import { BusyError } from './errors.ts';

/** How long a change may wait for earlier changes of the same user. */
const turnTimeoutMs = 5_000;

const previousChanges = new Map<string, Promise<unknown>>();

/**
 * Runs the changes of one user in this process one after another. A waiting change has no connection yet, so a locked
 * user blocks one connection, not all.
 *
 * @throws BusyError if earlier changes take too long
 */
export async function inTurn<Result>(user: string, work: () => Promise<Result>): Promise<Result> {
  const previous = previousChanges.get(user) ?? Promise.resolve();
  let isLate = false;
  const turn = previous.then(() => {
    if (isLate) return undefined;
    clearTimeout(timer);
    return work();
  });
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  previousChanges.set(user, ended);
  ended.then(() => {
    if (previousChanges.get(user) === ended) previousChanges.delete(user);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(new BusyError('earlier changes of the same user took too long'));
    }, turnTimeoutMs);
  });
  return Promise.race([turn as Promise<Result>, late]);
}
