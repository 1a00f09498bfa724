import type { Database } from '../database/client.ts';
import type { Unavailability } from '../database/errors.ts';
import type { Replica } from '../database/replica.ts';
import { sendJson } from './response.ts';
import type { Route } from './router.ts';

/** Whether the process runs. Ignores the database: a restart would not repair it. */
export const liveRoute: Route = {
  GET: (_request, response) => sendJson(response, { status: 200, body: { status: 'live' } }),
};

/** Whether the database has refused a write recently. */
export interface WriteHealth {
  /** Records why the database could not serve a request. */
  note(reason: Unavailability | null): void;
  isRefusing(): boolean;
}

/** How long a refused write counts. Each further one restarts this time. */
const refusalMs = 10_000;

/** Requests report refused writes. A health check must not write: it needs no credentials. */
export function createWriteHealth(): WriteHealth {
  let refusedAt = Number.NEGATIVE_INFINITY;
  return {
    note(reason) {
      if (reason === 'full' || reason === 'readOnly') refusedAt = performance.now();
    },
    isRefusing: () => performance.now() - refusedAt < refusalMs,
  };
}

/* Fails if the database takes no writes: a standby, or a read-only setting. */
const writableSql = `
  select 1 / case when pg_is_in_recovery() or current_setting('transaction_read_only')::boolean then 0 else 1 end`;

/** A replica that is not read makes nothing fail: the primary is read. */
function stateOf({ obstacle }: Pick<Replica, 'obstacle'>): string {
  const why = obstacle();
  return why === null ? 'read' : `not read: ${why}`;
}

/** Whether requests can be answered now. 503 while the database does not answer or takes no writes. */
export function createReadyRoute(
  { lookups }: Pick<Database, 'lookups'>,
  writes: WriteHealth,
  replica: Pick<Replica, 'obstacle'> | null = null,
): Route {
  async function problem(): Promise<string | null> {
    if (!(await succeedsInTime(lookups.query('select 1')))) return 'the database does not answer';
    const writable = !writes.isRefusing() && (await succeedsInTime(lookups.query(writableSql)));
    return writable ? null : 'the database takes no writes';
  }
  return {
    async GET(_request, response) {
      const status = await problem();
      const body = { status: status ?? 'ready', ...(replica !== null && { replica: stateOf(replica) }) };
      sendJson(response, { status: status === null ? 200 : 503, body });
    },
  };
}

/** Health-check timeout. Reading metrics uses it too. */
const checkTimeoutMs = 1_000;

/** Whether the work succeeds within the timeout. A later result is ignored. */
export async function succeedsInTime(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), checkTimeoutMs);
  });
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, timeout]).finally(() => clearTimeout(timer));
}
