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
  /** The number of connections of all processes together. */
  connections?: number;
  /** Receives what an operator should know, one line at a time, such as where the files are. */
  notify?: (line: string) => void;
}

/** PostgreSQL's default for max_connections. */
const defaultConnections = 100;

/**
 * Runs PostgreSQL on the files in `dataDir`, created at the first use, or joins the server that already runs on them.
 * A server with too few connections is restarted if no other process uses it. It listens on 127.0.0.1 only and
 * requires a password. It continues to run if we are killed, and the next start joins it. If the server is killed,
 * we start it again on the same port. Throws a StartupError if it cannot run here.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const dataDir = resolve(options.dataDir);
  const notify = options.notify ?? (() => undefined);
  return withProcessLock(dataDir, async () => {
    const cluster = await prepare(dataDir, options.connections ?? defaultConnections, notify);
    const password = await readPassword(cluster);
    let presence = await enter(cluster, password);
    let stopping = false;

    /** Reconnects if the connection ends before stop(): the server was killed, or restarts. */
    const keepConnected = () => {
      presence.session.once('end', async () => {
        while (!stopping) {
          try {
            presence = await withProcessLock(dataDir, () => enter(cluster, password, presence.port));
            return keepConnected();
          } catch (error) {
            notify(`The embedded PostgreSQL has ended, and cannot be started again: ${String(error)}`);
            await sleep(5_000);
          }
        }
      });
    };
    keepConnected();

    return {
      url: databaseUrl(presence, password),
      stop: () => {
        stopping = true;
        return withProcessLock(dataDir, () => leave(cluster, presence));
      },
    };
  });
}

/** Finds or creates an account, the server's files, and programs that the account can run. */
async function prepare(
  dataDir: string,
  connections: number,
  notify: (line: string) => void,
): Promise<Cluster> {
  try {
    const { directory, account } = await findHome(dataDir, notify);
    const copyDirectory = isRoot()
      ? sharedDirectory
      : () => mkdir(dataDir, { recursive: true }).then(() => dataDir);
    const binaries = await findBinaries(await findPackage(), account, copyDirectory, notify);
    const cluster = { home: directory, account, binaries, connections, notify };
    await createCluster(cluster);
    return cluster;
  } catch (error) {
    if (error instanceof StartupError) throw error;
    const { message } = error as Error;
    throw new StartupError(`The embedded PostgreSQL cannot keep its files in ${dataDir}: ${message}.`);
  }
}
