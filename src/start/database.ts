import type { Config } from '../config/config.ts';
import { type EmbeddedServer, startEmbedded } from '../embedded-postgres/server.ts';

/**
 * The embedded server's max_connections: what each process may open (docs/guides/operating.md), and some for commands
 * and psql. Never below PostgreSQL's default.
 */
const connectionsFor = (processes: number): number => Math.max(100, 60 * processes + 20);

/**
 * Returns the address of the configured PostgreSQL, or starts the embedded one.
 *
 * @param notify receives what an operator should know, one line at a time
 */
export async function reachServer(
  { databaseUrl, dataDir, processes }: Pick<Config, 'databaseUrl' | 'dataDir' | 'processes'>,
  notify: (line: string) => void,
): Promise<EmbeddedServer> {
  if (databaseUrl !== undefined) return { url: databaseUrl, stop: async () => undefined };
  dropPostgresVariables();
  return startEmbedded({ dataDir, connections: connectionsFor(processes), notify });
}

/** `PG…` variables describe another server. The driver would take TLS and other options from them. */
function dropPostgresVariables(): void {
  for (const name of Object.keys(process.env)) if (/^PG[A-Z]+$/.test(name)) delete process.env[name];
}
