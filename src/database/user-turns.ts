import { BusyError } from './errors.ts';

/** How long a change may wait for the changes of the same user before it. */
const turnTimeoutMs = 5_000;

const ahead = new Map<string, Promise<unknown>>();

/**
 * Runs the changes of one user one after the other in this process. Whoever waits has no connection yet: a user whom
 * somebody holds takes one connection, not all of them.
 *
 * @throws BusyError when the turn does not come in time
 */
export async function inTurn<Result>(user: string, work: () => Promise<Result>): Promise<Result> {
  const before = ahead.get(user) ?? Promise.resolve();
  let isLate = false;
  const turn = before.then(() => {
    if (isLate) return undefined;
    clearTimeout(timer);
    return work();
  });
  const ended = turn.then(
    () => undefined,
    () => undefined,
  );
  ahead.set(user, ended);
  ended.then(() => {
    if (ahead.get(user) === ended) ahead.delete(user);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(new BusyError('the changes of the same user before this one took too long'));
    }, turnTimeoutMs);
  });
  return Promise.race([turn as Promise<Result>, late]);
}
