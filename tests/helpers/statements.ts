import { Client } from 'pg';

/**
 * Runs `work` and returns the SQL statements that it sent, without transaction control, session settings and
 * key look-ups, which happen now and then.
 */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const statements: string[] = [];
  const { query } = Client.prototype;
  Client.prototype.query = function record(this: Client, ...args: unknown[]) {
    const [first] = args;
    const text = typeof first === 'string' ? first : (first as { text?: string }).text;
    if (text && !/^(begin|commit|rollback|deallocate|set )|\bapi_key\b/i.test(text)) statements.push(text);
    return Reflect.apply(query, this, args);
  } as typeof query;
  try {
    await work();
  } finally {
    Client.prototype.query = query;
  }
  return statements;
}
