import type { Pool, PoolClient } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';
import { bindCallers } from './cancellation.ts';

/** Traces each statement as a span. Statements contain no values: these are sent as parameters. */
export function tracePool(pool: Pool, tracing: Tracing): void {
  pool.on('connect', (client) => traceStatements(client, tracing));
  bindCallers(pool);
}

function traceStatements(client: PoolClient, tracing: Tracing): void {
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  function traced(...given: unknown[]): unknown {
    const span = tracing.begin({ ...describe(given[0]), kind: 'CLIENT' });
    const end = (error: unknown) => span.end({ failure: error ? failureOf(error) : undefined });
    const callback = given.at(-1);
    if (typeof callback === 'function') {
      const onEnd = (error: unknown, result: unknown) => {
        end(error);
        callback(error, result);
      };
      return query(...given.slice(0, -1), onEnd);
    }
    const answer = query(...given);
    if (answer instanceof Promise) answer.then(() => end(null), end);
    else end(null);
    return answer;
  }
  client.query = traced as typeof client.query;
}

/** The most characters of a statement in a span. */
const maxTextLength = 2_000;

function describe(statement: unknown) {
  const { name, text } =
    typeof statement === 'string' ? { text: statement } : (statement as Partial<Statement>);
  const [verb = 'statement'] = (text ?? '').trim().split(/\s/, 1);
  const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text?.slice(0, maxTextLength) };
  return { name: name || verb.toUpperCase(), attributes };
}

interface Statement {
  name?: string;
  text: string;
}

/** Returns PostgreSQL's code or the network's. */
const failureOf = (error: unknown) => String((error as { code?: unknown }).code ?? 'Error');
