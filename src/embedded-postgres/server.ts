import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.ts';
import { isRoot } from './account.ts';
import { findBinaries, findPackage } from './binaries.ts';
import { type Cluster, createCluster, readPassword } from './cluster.ts';
import { databaseUrl, enter, leave } from './connection.ts';
import { findHome, sharedDirectory } from './home.ts';
import { withProcessLock } from './process-lock.ts';

export interface EmbeddedServer {
  /** Where to connect; the password is inside. */
  url: string;
  /** Stops the server, unless another process of ours still uses it. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  dataDir: string;
  /** How many connections all processes together may need. */
  connections?: number;
  /** Told in one line what an operator should know, such as where the files went. */
  tell?: (line: string) => void;
}

/** PostgreSQL's own default. */
const usualConnections = 100;

/**
 * Runs PostgreSQL on the files in `dataDir`, created at the first use, or joins the server that already runs on them.
 * A server with too few connections is restarted if no other process uses it. It listens on 127.0.0.1 only and
 * requires a password. It goes on running if we are killed, and the next start joins it. If the server is killed,
 * we start it again on the same port. Throws a StartupError if it cannot run here.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const dataDir = resolve(options.dataDir);
  const tell = options.tell ?? (() => undefined);
  return withProcessLock(dataDir, async () => {
    const cluster = await prepare(dataDir, options.connections ?? usualConnections, tell);
    const password = await readPassword(cluster);
    let presence = await enter(cluster, password);
    let stopping = false;

    /** Connects again if the connection ends before stop(): the server was killed, or restarts. */
    const stay = () => {
      presence.session.once('end', async () => {
        while (!stopping) {
          try {
            presence = await withProcessLock(dataDir, () => enter(cluster, password, presence.port));
            return stay();
          } catch (error) {
            tell(`The embedded PostgreSQL has ended, and cannot be started again: ${String(error)}`);
            await sleep(5_000);
          }
        }
      });
    };
    stay();

    return {
      url: databaseUrl(presence, password),
      stop: () => {
        stopping = true;
        return withProcessLock(dataDir, () => leave(cluster, presence));
      },
    };
  });
}

/** Finds or creates what a server needs: an account, its files, and programs that the account can run. */
async function prepare(dataDir: string, connections: number, tell: (line: string) => void): Promise<Cluster> {
  try {
    const { directory, account } = await findHome(dataDir, tell);
    const refuge = isRoot() ? sharedDirectory : () => mkdir(dataDir, { recursive: true }).then(() => dataDir);
    const binaries = await findBinaries(await findPackage(), account, refuge, tell);
    const cluster = { home: directory, account, binaries, connections, tell };
    await createCluster(cluster);
    return cluster;
  } catch (error) {
    if (error instanceof StartupError) throw error;
    const { message } = error as Error;
    throw new StartupError(`The embedded PostgreSQL cannot keep its files in ${dataDir}: ${message}.`);
  }
}
