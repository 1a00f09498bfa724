import { StartupError } from '../../errors.ts';

/** The server and the key. */
export interface Server {
  /** The root of the three routes, such as `http://127.0.0.1:4000/cli`. */
  root: string;
  key: string;
}

type Environment = Record<string, string | undefined>;

/**
 * Reads KANA_DEV_KEY (or KANA_LIVE_KEY) and the address: KANA_URL is the server, KANA_DEV_URL is the root of the
 * routes, as in Kana.
 *
 * @throws StartupError if the key is missing or for the other environment, or if the two addresses differ
 */
export function readServer(env: Environment, isLive: boolean): Server {
  const name = isLive ? 'KANA_LIVE_KEY' : 'KANA_DEV_KEY';
  const key = env[name]?.trim();
  if (!key)
    throw new StartupError(`apikey is required, please define ${name} as an environment variable (.env)`);
  const prefix = isLive ? 'prv_live_' : 'prv_test_';
  if (!key.startsWith(prefix))
    throw new StartupError(`${name} must be a private key: it starts with ${prefix}`);
  return { root: readRoot(env), key };
}

/** The address for both keys. Two different addresses are an error. */
function readRoot(env: Environment): string {
  const address = withoutSlash(env.KANA_URL);
  const root = withoutSlash(env.KANA_DEV_URL);
  if (root && address && root !== `${address}/cli`)
    throw new StartupError(
      `KANA_DEV_URL (${root}) and KANA_URL (${address}, so ${address}/cli) name different servers: define only one of them`,
    );
  return root || `${address || 'http://127.0.0.1:4000'}/cli`;
}

const withoutSlash = (url: string | undefined) => url?.trim().replace(/\/+$/, '');

interface Refusal {
  errors?: { message: string }[];
}

/** Calls a route: GET, or POST with a file. @throws StartupError with the server's messages */
export async function callServer<Content>(
  { root, key }: Server,
  route: string,
  file?: unknown,
): Promise<Content> {
  const response = await fetch(`${root}/${route}`, {
    method: file === undefined ? 'GET' : 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: key },
    ...(file === undefined ? {} : { body: JSON.stringify(file) }),
  }).catch((error) => {
    throw new StartupError(
      `${root} cannot be reached (${error.cause?.message || error.cause?.code || error.message})`,
    );
  });
  const body = (await response.json().catch(() => null)) as (Refusal & Content) | null;
  if (response.ok && body !== null) return body;
  const messages = body?.errors?.map(({ message }) => message) ?? [];
  if (messages.length > 0) throw new StartupError(messages.join('\n'));
  throw new StartupError(`${root}/${route} answered ${response.status} ${response.statusText} without JSON`);
}
