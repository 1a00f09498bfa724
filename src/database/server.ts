import type { Config } from '../config.ts';
import { type EmbeddedServer, startEmbedded } from './embedded.ts';

/**
 * The PostgreSQL that the configuration names, or else the embedded one, running. `tell` gets what an
 * operator should know, a line at a time.
 */
export async function reachServer(
  { databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>,
  tell: (line: string) => void,
): Promise<EmbeddedServer> {
  if (databaseUrl !== undefined) return { url: databaseUrl, stop: async () => undefined };
  return startEmbedded({ dataDir, tell });
}
