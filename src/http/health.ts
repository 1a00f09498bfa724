import type { Database } from '../database/client.ts';
import { succeedsInTime } from './in-time.ts';
import { sendJson } from './response.ts';
import type { Route } from './router.ts';

/** Whether the process runs. It does not look at the database: a restart would not bring that back. */
export const liveRoute: Route = {
  GET: (_request, response) => sendJson(response, { status: 200, body: { status: 'live' } }),
};

/** Whether requests can be answered now: 503 while the database does not answer. */
export function createReadyRoute({ lookups }: Pick<Database, 'lookups'>): Route {
  return {
    async GET(_request, response) {
      const ready = await succeedsInTime(lookups.query('select 1'));
      const status = ready ? 200 : 503;
      sendJson(response, { status, body: { status: ready ? 'ready' : 'the database does not answer' } });
    },
  };
}
