import { KanaError, NetworkError, TimeoutError } from './errors.ts';
import { createServerError } from './server-error.ts';

/** The options of the client that sending needs. */
export interface Target {
  /** A private key. It selects the environment. */
  apiKey: string;
  /** The address of the GraphQL API. By default `http://127.0.0.1:4000/graphql`. */
  endpoint?: string;
  /** How long one attempt may take, in milliseconds: 10,000 by default, 0 for no limit. */
  timeoutMs?: number;
  /** Sends requests. By default the global `fetch`. */
  fetch?: typeof fetch;
}

type Errors = [{ message: string; extensions?: { code?: string; exception?: { name: string } } }];

interface Answer {
  data?: object | null;
  errors?: Errors;
}

/** Sends operations to one server over HTTP. */
export class Transport {
  readonly #apiKey: string;
  readonly #endpoint: string;
  readonly #timeoutMs: number;
  readonly #fetch: typeof fetch;

  constructor({ apiKey, endpoint, timeoutMs, fetch: send }: Target) {
    this.#apiKey = apiKey;
    this.#endpoint = endpoint ?? 'http://127.0.0.1:4000/graphql';
    this.#timeoutMs = timeoutMs ?? 10_000;
    this.#fetch = send ?? fetch;
  }

  /** Sends one operation once, and answers its data. Throws a KanaError. */
  async send(query: string, variables?: object): Promise<object> {
    let response: Response | undefined;
    const send = this.#fetch; // The global fetch of some platforms must not be called as a method.
    try {
      response = await send(this.#endpoint, {
        method: 'POST',
        headers: { Authorization: this.#apiKey, 'Content-Type': 'application/json' },
        body: stringify({ query, variables }),
        signal: this.#timeoutMs ? AbortSignal.timeout(this.#timeoutMs) : null,
      });
      const { data, errors } = (await response.json()) as Answer;
      if (errors || !data) throw answeredError(errors as Errors, response);
      return data;
    } catch (thrown) {
      throw thrown instanceof KanaError ? thrown : this.#unanswered(thrown as Error, response?.status);
    }
  }

  #unanswered(cause: Error, status: number | undefined): KanaError {
    if (cause.name === 'TimeoutError')
      return new TimeoutError(`${this.#endpoint} did not answer within ${this.#timeoutMs} ms.`, { cause });
    const what = status ? `answered no GraphQL, but HTTP status ${status}` : 'cannot be reached';
    const response = status ? { status } : undefined;
    return new NetworkError(`${this.#endpoint} ${what}.`, { cause, response });
  }
}

/** The server's first error. Throws a TypeError if there is none: then this is no answer to an operation. */
function answeredError(
  [{ message, extensions: { code, exception } = {} }]: Errors,
  { status, headers }: Response,
): KanaError {
  const seconds = Number(headers.get('Retry-After'));
  return createServerError({ message, name: exception?.name, code }, status, seconds * 1_000);
}

/** JSON would turn NaN, Infinity and invalid dates into null, which means something else. */
function stringify(request: object): string {
  try {
    return JSON.stringify(request, function (this: Record<string, unknown>, key, value) {
      if (JSON.stringify(value) === 'null' && this[key] !== null) throw new Error(`${key}: is ${this[key]}`);
      return value;
    });
  } catch (error) {
    throw createServerError({
      message: (error as Error).message,
      name: 'ValidationError',
      code: 'BAD_USER_INPUT',
    });
  }
}
