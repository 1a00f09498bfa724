/** Why something could not be read. */
export class KanaError extends Error {
  /** The kind, such as `UserNotFoundError`, `AuthenticationError`, `TimeoutError` or `NetworkError`. */
  override readonly name: string;
  /** The HTTP status. Undefined if there was no answer. */
  readonly status: number | undefined;
  /** How long to wait before another attempt, in milliseconds, if the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    name: string,
    message: string,
    details: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = name;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Who reads, and where. */
export interface Credentials {
  /** The address of the client API. By default `/client/graphql` of the same origin. */
  endpoint?: string;
  /** A token that your server made for the user, or a function that gets one; it is called before each request. */
  userToken?: string | (() => string | Promise<string>);
  /** A public key. It needs `userId`, and is for data that may be known to everybody: prefer tokens. */
  publicKey?: string;
  userId?: string;
  /** How long one attempt may take, in milliseconds. By default 10,000. */
  timeoutMs?: number;
  /** By default the global `fetch`. */
  fetch?: typeof fetch;
}

export type Send = <Data>(query: string, variables: object, signal?: AbortSignal) => Promise<Data>;

/** Makes a function that sends one operation once. It throws KanaErrors. */
export function createSend(credentials: Credentials): Send {
  const { endpoint = '/client/graphql', timeoutMs = 10_000, fetch: send = fetch } = credentials;
  return async <Data>(query: string, variables: object, signal?: AbortSignal) => {
    const headers = { 'Content-Type': 'application/json', ...(await headersOf(credentials)) };
    const timeout = AbortSignal.timeout(timeoutMs);
    const until = signal === undefined ? timeout : anyOf(signal, timeout);
    let response: Response | undefined;
    try {
      response = await send(endpoint, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query, variables }),
        credentials: 'omit',
        signal: until,
      });
      const { data, errors } = (await response.json()) as Answer<Data>;
      if (data === null || data === undefined || errors !== undefined) throw answered(errors ?? [], response);
      return data;
    } catch (error) {
      throw error instanceof KanaError
        ? error
        : unanswered(error, { endpoint, timeoutMs, response, timeout });
    }
  };
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: { code?: string; exception?: { name: string } } }[];
}

async function headersOf({ userToken, publicKey, userId }: Credentials): Promise<Record<string, string>> {
  if (userToken !== undefined) {
    const token = typeof userToken === 'string' ? userToken : await tokenOf(userToken);
    return { Authorization: `Bearer ${token}` };
  }
  if (publicKey === undefined || userId === undefined)
    throw new KanaError('ConfigurationError', 'Give a userToken, or a publicKey and a userId.');
  return { Authorization: publicKey, 'X-User-ID': userId };
}

async function tokenOf(read: () => string | Promise<string>): Promise<string> {
  try {
    return await read();
  } catch (cause) {
    throw new KanaError('TokenError', 'The function userToken failed.', { cause });
  }
}

function answered(errors: NonNullable<Answer<unknown>['errors']>, { status, headers }: Response): KanaError {
  const [error] = errors;
  if (error === undefined) throw new TypeError('no answer to an operation');
  const seconds = Number(headers.get('Retry-After'));
  const name = error.extensions?.exception?.name ?? error.extensions?.code ?? 'KanaError';
  return new KanaError(
    name,
    error.message,
    seconds > 0 ? { status, retryAfterMs: seconds * 1_000 } : { status },
  );
}

function unanswered(
  cause: unknown,
  {
    endpoint,
    timeoutMs,
    response,
    timeout,
  }: { endpoint: string; timeoutMs: number; response: Response | undefined; timeout: AbortSignal },
): KanaError {
  if (timeout.aborted)
    return new KanaError('TimeoutError', `${endpoint} did not answer within ${timeoutMs} ms.`, { cause });
  if (response === undefined)
    return new KanaError('NetworkError', `${endpoint} cannot be reached.`, { cause });
  const { status } = response;
  return new KanaError('NetworkError', `${endpoint} answered no GraphQL, but HTTP status ${status}.`, {
    status,
    cause,
  });
}

/** AbortSignal.any, which browsers of 2023 do not have. */
function anyOf(...signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', () => controller.abort(signal.reason), {
      once: true,
      signal: controller.signal,
    });
  }
  return controller.signal;
}
