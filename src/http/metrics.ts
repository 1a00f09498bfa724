import { timingSafeEqual } from 'node:crypto';
import { Gauge, Registry } from 'prom-client';
import { readAuthorization } from '../auth/keys/rules.ts';
import { succeedsInTime } from './health.ts';
import { sendJson, unauthenticated } from './response.ts';
import type { Route } from './router.ts';

export interface MetricsSources {
  /** What a reader has to send: the figures tell about both environments, so no key of one opens them. */
  token: string;
  /** The figures of all processes that share our port, as Prometheus reads them. */
  readProcesses: () => Promise<string>;
  /** Tells what only the database knows. */
  tellDatabase: (registry: Registry) => Promise<void>;
}

const wrongToken = unauthenticated('Unauthenticated: send METRICS_TOKEN in the Authorization header.');

/** Where Prometheus reads the figures of all processes; 401 without the token. */
export function createMetricsRoute({ token, readProcesses, tellDatabase }: MetricsSources): Route {
  return {
    async GET({ headers }, response) {
      if (!isToken(readAuthorization(headers.authorization), token)) return sendJson(response, wrongToken);
      const [processes, stored] = await Promise.all([readProcesses(), readDatabase(tellDatabase)]);
      const text = `${processes}\n${stored}`;
      response.writeHead(200, {
        'Content-Type': Registry.PROMETHEUS_CONTENT_TYPE,
        'Content-Length': Buffer.byteLength(text),
        'Cache-Control': 'no-store',
      });
      return response.end(text);
    },
  };
}

/** Constant-time comparison. */
function isToken(given: string | null, token: string): boolean {
  const [one, other] = [Buffer.from(given ?? ''), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Whether the database answered in time, and what it knows if it did. */
async function readDatabase(tell: MetricsSources['tellDatabase']): Promise<string> {
  const stored = new Registry();
  const told = await succeedsInTime(tell(stored));
  const registry = told ? stored : new Registry();
  const help = 'Whether the database answered this reading.';
  new Gauge({ name: 'kana_database_up', help, registers: [registry] }).set(told ? 1 : 0);
  return registry.metrics();
}
