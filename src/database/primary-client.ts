import { Client, type ClientConfig } from 'pg';
import { addressesOf } from '../config/database-address.ts';

/*
 * An address may name several hosts, of which one is the primary; the driver knows one host only. All connections of this
 * process to such an address share what is known. When one fails to open, the hosts are asked anew.
 */

/** The primary's address, by the whole address: known, or on its way. */
const primaries = new Map<string, Promise<string>>();

/** How long a host has to answer. */
const probeTimeoutMs = 3_000;

const isStandbySql = `
  select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean as standby`;

/** No host takes writes. The code is that of a server that is starting: another attempt may succeed. */
class NoPrimaryError extends Error {
  readonly code = '57P03';
}

type Callback = (error: Error | null, client?: Client) => void;

/** A connection to the primary among the hosts that an address names. */
export class PrimaryClient extends Client {
  readonly #url: string;

  constructor(config: ClientConfig = {}) {
    const url = config.connectionString ?? '';
    super({ ...config, connectionString: addressesOf(url)[0] });
    this.#url = url;
    // A connection that breaks must not end the process, not even before its pool listens: its next statement fails.
    this.on('error', () => undefined);
  }

  override connect(): Promise<Client & undefined>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: unknown): Promise<Client & undefined> | undefined {
    if (callback === undefined) return this.#open();
    this.#open().then(
      () => (callback as Callback)(null, this),
      (error) => (callback as Callback)(error),
    );
    return undefined;
  }

  async #open(): Promise<Client & undefined> {
    const addresses = addressesOf(this.#url);
    if (addresses.length === 1) return super.connect() as Promise<Client & undefined>;
    const finding = primaries.get(this.#url) ?? findPrimary(addresses);
    primaries.set(this.#url, finding);
    try {
      const { host, port } = new Client({ connectionString: await finding });
      this.host = host;
      this.port = port;
      const client = await super.connect();
      if (await isStandby(this)) throw new NoPrimaryError('the host has become a standby');
      return client as Client & undefined;
    } catch (error) {
      if (primaries.get(this.#url) === finding) primaries.delete(this.#url);
      await this.end().catch(() => undefined);
      throw error;
    }
  }
}

async function isStandby(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ standby: boolean }>(isStandbySql);
  return rows[0]?.standby !== false;
}

/** Asks all hosts at once. */
async function findPrimary(addresses: readonly string[]): Promise<string> {
  try {
    return await Promise.any(addresses.map(probe));
  } catch (error) {
    const { errors } = error as AggregateError;
    const said = errors.map((each: Error & { code?: string }) => each.message || each.code);
    throw new NoPrimaryError(`no host takes writes: ${said.join('; ')}`);
  }
}

async function probe(address: string): Promise<string> {
  const client = new Client({
    connectionString: address,
    application_name: 'open-kana watch',
    connectionTimeoutMillis: probeTimeoutMs,
    query_timeout: probeTimeoutMs,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    if (await isStandby(client)) throw new NoPrimaryError('a standby');
    return address;
  } finally {
    // One that hangs is not waited for.
    void client.end().catch(() => undefined);
  }
}
