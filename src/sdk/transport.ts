import { KanaError, NetworkError, TimeoutError } from './errors.ts';
import { createError } from './refusal.ts';

export interface Target {
  endpoint: string;
  apiKey: string;
  /** How long one attempt may take, in milliseconds; 0 is for ever. */
  timeoutMs: number;
  fetch: typeof fetch;
}

/** Sends one operation once, and answers its data. Throws a KanaError. */
export type Send = (document: string, variables?: object) => Promise<object>;

interface Answer {
  data?: object | null;
  errors?: [{ message: string; extensions?: { code?: string; exception?: { name: string } } }];
}

export function createSend({ endpoint, apiKey, timeoutMs, fetch }: Target): Send {
  return async (query, variables) => {
    const body = stringify({ query, variables });
    let status: number | undefined;
    try {
      const response = await fetch(endpoint, {
        method: 'POST',
        headers: { Authorization: apiKey, 'Content-Type': 'application/json' },
        body,
        signal: timeoutMs > 0 ? AbortSignal.timeout(timeoutMs) : null,
      });
      status = response.status;
      return dataOf((await response.json()) as Answer, response);
    } catch (cause) {
      if (cause instanceof KanaError) throw cause;
      if ((cause as Error).name === 'TimeoutError')
        throw new TimeoutError(`${endpoint} did not answer within ${timeoutMs} ms.`, { cause });
      const what = status ? `answered no GraphQL, but HTTP status ${status}` : 'cannot be reached';
      throw new NetworkError(`${endpoint} ${what}.`, { cause, status });
    }
  };
}

/** Throws a KanaError if the server refused, and anything else if this is no answer to an operation. */
function dataOf({ data, errors }: Answer, { status, headers }: Response): object {
  if (errors) {
    const [{ message, extensions }] = errors;
    const seconds = Number(headers.get('Retry-After'));
    throw createError(
      extensions?.exception?.name,
      message,
      extensions?.code,
      status,
      seconds * 1_000 || undefined,
    );
  }
  if (data) return data;
  throw Error();
}

/** JSON would turn NaN, Infinity and invalid dates into null, which means something else. */
function stringify(request: object): string {
  try {
    return JSON.stringify(request, function (this: Record<string, unknown>, key, value) {
      const lost = value === null ? this[key] !== null : typeof value === 'number' && !Number.isFinite(value);
      if (lost) throw new Error(`${key}: is ${this[key]}`);
      return value;
    });
  } catch (error) {
    throw createError('ValidationError', (error as Error).message, 'BAD_USER_INPUT');
  }
}
