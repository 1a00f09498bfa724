import type { Database } from '../database/client.ts';
import { sendJson } from './answer.ts';
import type { Route } from './router.ts';

/** For how long the database may keep a readiness check waiting, in milliseconds. */
const patience = 1_000;

/** Whether the process runs. It does not look at the database: a restart would not bring that back. */
export const liveRoute: Route = {
  GET: (_request, response) => sendJson(response, { status: 200, body: { status: 'live' } }),
};

/** Whether requests can be answered now: 503 while the database does not answer. */
export function createReadyRoute(database: Database): Route {
  return {
    async GET(_request, response) {
      const ready = await answersInTime(database);
      const status = ready ? 200 : 503;
      sendJson(response, { status, body: { status: ready ? 'ready' : 'the database does not answer' } });
    },
  };
}

async function answersInTime({ prisma }: Database): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), patience);
  });
  const answered = prisma.$queryRaw`SELECT 1`.then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]).finally(() => clearTimeout(timer));
}
