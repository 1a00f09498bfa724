import type Stripe from 'stripe';

type HttpClient = NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['httpClient']>;
type Response = Awaited<ReturnType<HttpClient['makeRequest']>>;

/** The largest answer that is read, in bytes. A hundred subscriptions with their items are some 3 MiB. */
const maxAnswerBytes = 16 * 1024 * 1024;

/**
 * Reaches Stripe for its library. The library's own client bounds only the silence between two pieces of an answer, reads
 * answers of any length, and takes any JSON for an answer of Stripe's. Here:
 *  1. A call has a deadline for everything, from the connection to the end of the answer.
 *  2. An answer has a maximum length.
 *  3. What Stripe would not say, such as a redirect or the page of a proxy, counts as an outage.
 * An answer is complete before the library sees it, so that one that breaks off is asked for again.
 */
export function createHttpClient(): HttpClient {
  return {
    getClientName: () => 'node',
    async makeRequest(host, port, path, method, headers, requestData, protocol, timeout) {
      const request = {
        method,
        headers: { ...headers } as Record<string, string>,
        redirect: 'manual' as const,
        body: method === 'GET' || method === 'DELETE' ? null : requestData,
        signal: AbortSignal.timeout(timeout),
      };
      try {
        const answer = await fetch(`${protocol}://${host}:${port}${path}`, request);
        const text = await readText(answer);
        return responseOf(answer.status, Object.fromEntries(answer.headers), text);
      } catch (error) {
        if (request.signal.aborted) throw broken('ETIMEDOUT');
        throw error instanceof Broken ? error : broken('ECONNRESET');
      }
    },
  };
}

async function readText({ body }: globalThis.Response): Promise<string> {
  if (body === null) return '';
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxAnswerBytes) throw broken('EMSGSIZE');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** An error with a code that the library knows. */
class Broken extends TypeError {
  code = '';
}
const broken = (code: string) => Object.assign(new Broken(code), { code });

/** @throws if no server of Stripe's would answer so */
function responseOf(status: number, headers: Record<string, string>, text: string): Response {
  const json = parse(text);
  if (!isOfStripe(status, json)) {
    // The library asks again after such a status, and then tells it.
    if (status < 500) throw broken('EPROTO');
    return response(status, headers, { error: { type: 'api_error', message: 'no answer of Stripe' } });
  }
  return response(status, headers, json);
}

const response = (status: number, headers: Record<string, string>, json: unknown): Response => ({
  getStatusCode: () => status,
  getHeaders: () => headers,
  getRawResponse: () => ({}),
  toStream: () => {
    throw new Error('answers are not streamed');
  },
  toJSON: async () => json,
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Every object of Stripe's names its kind, and a list has entries. Every refusal has a reason. */
function isOfStripe(status: number, json: unknown): boolean {
  if (!isObject(json)) return false;
  if (status >= 400) return isObject(json.error);
  if (status < 200 || status >= 300 || typeof json.object !== 'string') return false;
  return json.object !== 'list' || Array.isArray(json.data);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
