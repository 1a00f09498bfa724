import { timingSafeEqual } from 'node:crypto';
import { Gauge, Registry } from 'prom-client';
import { readAuthorization } from '../auth/keys/rules.ts';
import { succeedsInTime } from './health.ts';
import { sendJson, unauthenticated } from './response.ts';
import type { Route } from './router.ts';

export interface MetricsSources {
  /** The token that readers must send. Metrics cover both environments, so an API key is not enough. */
  token: string;
  /** Reads the metrics of all processes that share the port, in the text format of Prometheus. */
  readProcesses: () => Promise<string>;
  /** Registers the metrics that are read from the database. */
  registerDatabaseMetrics: (registry: Registry) => Promise<void>;
}

const wrongToken = unauthenticated('Unauthenticated: send METRICS_TOKEN in the Authorization header.');

/** Serves the metrics of all processes to Prometheus. 401 without the token. */
export function createMetricsRoute({ token, readProcesses, registerDatabaseMetrics }: MetricsSources): Route {
  return {
    async GET({ headers }, response) {
      if (!isToken(readAuthorization(headers.authorization), token)) return sendJson(response, wrongToken);
      const [processes, stored] = await Promise.all([readProcesses(), readDatabase(registerDatabaseMetrics)]);
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

/** Reads the metrics of the database, and whether it answered in time. */
async function readDatabase(register: MetricsSources['registerDatabaseMetrics']): Promise<string> {
  const stored = new Registry();
  const isUp = await succeedsInTime(register(stored));
  const registry = isUp ? stored : new Registry();
  const help = 'Whether the database answered this request for metrics.';
  new Gauge({ name: 'kana_database_up', help, registers: [registry] }).set(isUp ? 1 : 0);
  return registry.metrics();
}
