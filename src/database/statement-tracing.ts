import { AsyncResource } from 'node:async_hooks';
import type { Pool, PoolClient } from 'pg';
import type { Tracing } from '../telemetry/tracing.ts';

/** Tells each statement as a span of what it is part of. Statements carry no values: those go beside them. */
export function tracePool(pool: Pool, tracing: Tracing): void {
  pool.on('connect', (client) => traceStatements(client, tracing));
  // Who waits for a connection is called back by whoever gives one up, and would be taken for part of its work.
  const connect = pool.connect.bind(pool) as (...given: unknown[]) => unknown;
  const connectHere = (...given: unknown[]) =>
    connect(
      ...given.map((each) => (typeof each === 'function' ? AsyncResource.bind(each as () => void) : each)),
    );
  pool.connect = connectHere as typeof pool.connect;
}

function traceStatements(client: PoolClient, tracing: Tracing): void {
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  function traced(...given: unknown[]): unknown {
    const span = tracing.begin({ ...describe(given[0]), kind: 'CLIENT' });
    const end = (error: unknown) => span.end({ failure: error ? failureOf(error) : undefined });
    const callback = given.at(-1);
    if (typeof callback === 'function') {
      const told = (error: unknown, result: unknown) => {
        end(error);
        callback(error, result);
      };
      return query(...given.slice(0, -1), told);
    }
    const answer = query(...given);
    if (answer instanceof Promise) answer.then(() => end(null), end);
    else end(null);
    return answer;
  }
  client.query = traced as typeof client.query;
}

/** How much of a statement is told, in characters. */
const maxText = 2_000;

function describe(statement: unknown) {
  const { name, text } =
    typeof statement === 'string' ? { text: statement } : (statement as Partial<Statement>);
  const [verb = 'statement'] = (text ?? '').trim().split(/\s/, 1);
  const attributes = { 'db.system.name': 'postgresql', 'db.query.text': text?.slice(0, maxText) };
  return { name: name || verb.toUpperCase(), attributes };
}

interface Statement {
  name?: string;
  text: string;
}

/** PostgreSQL's code, or the network's. */
const failureOf = (error: unknown) => String((error as { code?: unknown }).code ?? 'Error');
