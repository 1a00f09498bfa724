import { KanaError, NetworkError, TimeoutError } from './errors.ts';
import { createError } from './refusal.ts';

/** The options of the client that sending needs. */
export interface Target {
  /** A private key; it selects the environment. */
  apiKey: string;
  /** The address of the GraphQL API. By default `http://127.0.0.1:4000/graphql`. */
  endpoint?: string;
  /** How long one attempt may take, in milliseconds: 10,000 by default, 0 for ever. */
  timeoutMs?: number;
  /** What sends requests, by default the global `fetch`. */
  fetch?: typeof fetch;
}

/** Sends one operation once, and answers its data. Throws a KanaError. */
export type Send = (document: string, variables?: object) => Promise<object>;

type Errors = [{ message: string; extensions?: { code?: string; exception?: { name: string } } }];

interface Answer {
  data?: object | null;
  errors?: Errors;
}

export function createSend({
  apiKey,
  endpoint = 'http://127.0.0.1:4000/graphql',
  timeoutMs = 10_000,
  fetch: request = fetch,
}: Target): Send {
  function unanswered(cause: Error, status: number | undefined): KanaError {
    if (cause.name === 'TimeoutError')
      return new TimeoutError(`${endpoint} did not answer within ${timeoutMs} ms.`, { cause });
    const what = status ? `answered no GraphQL, but HTTP status ${status}` : 'cannot be reached';
    return new NetworkError(`${endpoint} ${what}.`, { cause, response: status ? { status } : undefined });
  }

  return async (query, variables) => {
    let response: Response | undefined;
    try {
      response = await request(endpoint, {
        method: 'POST',
        headers: { Authorization: apiKey, 'Content-Type': 'application/json' },
        body: stringify({ query, variables }),
        signal: timeoutMs ? AbortSignal.timeout(timeoutMs) : null,
      });
      const { data, errors } = (await response.json()) as Answer;
      if (errors || !data) throw refusalOf(errors as Errors, response);
      return data;
    } catch (thrown) {
      throw thrown instanceof KanaError ? thrown : unanswered(thrown as Error, response?.status);
    }
  };
}

/** The error that the server told. Throws anything else if it told none: then this is no answer to an operation. */
function refusalOf(
  [{ message, extensions: { code, exception } = {} }]: Errors,
  { status, headers }: Response,
): KanaError {
  const seconds = Number(headers.get('Retry-After'));
  return createError(exception?.name, message, code, status, seconds * 1_000);
}

/** JSON would turn NaN, Infinity and invalid dates into null, which means something else. */
function stringify(request: object): string {
  try {
    return JSON.stringify(request, function (this: Record<string, unknown>, key, value) {
      if (JSON.stringify(value) === 'null' && this[key] !== null) throw new Error(`${key}: is ${this[key]}`);
      return value;
    });
  } catch (error) {
    throw createError('ValidationError', (error as Error).message, 'BAD_USER_INPUT');
  }
}
