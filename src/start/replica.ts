import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/client.ts';
import { openReplica, type Replica, refuseReplica } from '../database/replica.ts';
import type { Tracing } from '../telemetry/tracing.ts';

/** Opens the replica after the migrations: what it shows is complete only once it has replayed them. */
export async function reachReplica(
  { databaseReadUrl: url }: Pick<Config, 'databaseReadUrl'>,
  { lookups }: Pick<Database, 'lookups'>,
  log: Logger,
  tracing: Tracing | null,
): Promise<Replica | null> {
  if (url === undefined) return null;
  await refuseReplica(url);
  const onChange = (obstacle: string | null) =>
    obstacle === null
      ? log.warn('the replica is read again')
      : log.warn({ obstacle }, 'the replica is not read, but the primary');
  return openReplica(url, lookups, { tracing, onChange });
}
