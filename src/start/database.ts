import type { Config } from '../config.ts';
import { type EmbeddedServer, startEmbedded } from '../embedded-postgres/server.ts';

/**
 * How many connections the embedded server is started for: more than docs/guides/operating.md says each process keeps,
 * some for commands and whoever looks, and never fewer than PostgreSQL's own default.
 */
const connectionsFor = (processes: number): number => Math.max(100, 60 * processes + 20);

/**
 * The PostgreSQL that the configuration names, or else the embedded one, started. `tell` gets what an operator
 * should know, one line at a time.
 */
export async function reachServer(
  { databaseUrl, dataDir, processes }: Pick<Config, 'databaseUrl' | 'dataDir' | 'processes'>,
  tell: (line: string) => void,
): Promise<EmbeddedServer> {
  if (databaseUrl !== undefined) return { url: databaseUrl, stop: async () => undefined };
  dropPostgresVariables();
  return startEmbedded({ dataDir, connections: connectionsFor(processes), tell });
}

/** `PG…` variables are about another server. The driver would take TLS or options from them. */
function dropPostgresVariables(): void {
  for (const name of Object.keys(process.env)) if (/^PG[A-Z]+$/.test(name)) delete process.env[name];
}
