import { timingSafeEqual } from 'node:crypto';
import { readAuthorization } from '../auth/rules.ts';
import { expositionType, formatFamilies, mergeFamilies } from '../telemetry/exposition.ts';
import type { Family } from '../telemetry/registry.ts';
import { refusal, sendJson } from './answer.ts';
import type { Route } from './router.ts';

/** For how long the database may keep a reading waiting, in milliseconds. */
const patience = 1_000;

interface Sources {
  /** What a reader has to send: the figures tell about both environments, so no key of one opens them. */
  token: string;
  /** The figures of each process that shares our port. */
  readProcesses: () => Promise<Family[][]>;
  /** What only the database knows. */
  readDatabase: () => Promise<Family[]>;
}

/** Where Prometheus reads the figures of all processes; 401 without the token. */
export function createMetricsRoute({ token, readProcesses, readDatabase }: Sources): Route {
  return {
    async GET({ headers }, response) {
      if (!isToken(readAuthorization(headers.authorization), token)) {
        const answer = refusal('UNAUTHENTICATED', 'Send METRICS_TOKEN in the Authorization header.');
        return sendJson(response, { ...answer, headers: { 'WWW-Authenticate': 'Bearer' } });
      }
      const [processes, stored] = await Promise.all([readProcesses(), inTime(readDatabase())]);
      const up = { suffix: '', labels: {}, value: stored === null ? 0 : 1 };
      const families: Family[] = [
        ...mergeFamilies(processes),
        {
          name: 'kana_database_up',
          help: 'Whether the database answered this reading.',
          type: 'gauge',
          merge: 'max',
          samples: [up],
        },
        ...(stored ?? []),
      ];
      const text = formatFamilies(families);
      response.writeHead(200, {
        'Content-Type': expositionType,
        'Content-Length': Buffer.byteLength(text),
        'Cache-Control': 'no-store',
      });
      return response.end(text);
    },
  };
}

/** Takes as long for a token that is nearly right. */
function isToken(given: string | null, token: string): boolean {
  const [one, other] = [Buffer.from(given ?? ''), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Null if it takes too long, or fails. */
async function inTime<Result>(work: Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patience);
  });
  return Promise.race([work.catch(() => null), late]).finally(() => clearTimeout(timer));
}
