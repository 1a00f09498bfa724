import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import type { Pool, PoolClient } from 'pg';

/*
 * A long read ends when its caller has left. Its connection is closed, so that no statement of another request can be
 * hit; PostgreSQL notices that within a second (client_connection_check_interval) and ends the statement.
 */

const callers = new AsyncLocalStorage<AbortSignal>();

/** The caller has left, so the statement was not run. Its code is that of a cancelled statement. */
class CallerLeftError extends Error {
  readonly code = '57014';
  constructor() {
    super('the caller has left');
  }
}

/**
 * Runs reads that end when the signal is aborted. They must belong to this caller alone: Prisma combines findUnique of
 * several requests into one statement.
 */
export function untilAborted<Result>(signal: AbortSignal, read: () => PromiseLike<Result>): Promise<Result> {
  return callers.run(signal, () => new Promise((resolve, reject) => read().then(resolve, reject)));
}

type Query = (...given: unknown[]) => unknown;

/** Makes each statement of this connection end with the caller that it belongs to, if untilAborted has named one. */
export function endWithCaller(client: PoolClient): void {
  const own = Object.getOwnPropertyDescriptor(client, 'query')?.value;
  const query: Query = (...given) => Reflect.apply(own ?? Object.getPrototypeOf(client).query, client, given);
  const ending: Query = (...given) => {
    const signal = callers.getStore();
    return signal === undefined ? query(...given) : queryUntil(signal, client, query, given);
  };
  client.query = ending as typeof client.query;
}

function queryUntil(signal: AbortSignal, client: PoolClient, query: Query, given: unknown[]): unknown {
  const callback = given.at(-1);
  const close = () => client.connection.stream.destroy();
  const finish = () => signal.removeEventListener('abort', close);
  signal.addEventListener('abort', close, { once: true });
  if (typeof callback === 'function') {
    if (signal.aborted) return void setImmediate(callback as (error: Error) => void, new CallerLeftError());
    const onEnd = (...result: unknown[]) => {
      finish();
      callback(...result);
    };
    return query(...given.slice(0, -1), onEnd);
  }
  if (signal.aborted) return Promise.reject(new CallerLeftError());
  const result = query(...given) as Promise<unknown>;
  result.then(finish, finish);
  return result;
}

/**
 * Binds each waiting caller of the pool to its own context. It is called back from the code that releases a connection,
 * and its statements would belong to that code's caller.
 */
export function bindCallers(pool: Pool): void {
  const connect = pool.connect.bind(pool) as Query;
  const boundConnect: Query = (...given) =>
    connect(
      ...given.map((each) => (typeof each === 'function' ? AsyncResource.bind(each as () => void) : each)),
    );
  pool.connect = boundConnect as typeof pool.connect;
}
