import type { Pool, PoolClient } from 'pg';

/** Counts the round trips to the database: how often a connection sends statements after all before are answered. */
export function countTrips(pools: Record<string, Pool>): { count: number } {
  const trips = { count: 0 };
  const follow = (client: PoolClient) => {
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    let unanswered = 0;
    async function counted(...given: unknown[]): Promise<unknown> {
      if (unanswered === 0 || !(client as unknown as { pipeline: boolean }).pipeline) trips.count += 1;
      unanswered += 1;
      try {
        return await query(...given);
      } finally {
        unanswered -= 1;
      }
    }
    client.query = counted as typeof client.query;
  };
  for (const pool of Object.values(pools)) pool.on('connect', follow);
  return trips;
}
