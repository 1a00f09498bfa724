import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import type Stripe from 'stripe';

type HttpClient = NonNullable<NonNullable<ConstructorParameters<typeof Stripe>[1]>['httpClient']>;
type Response = Awaited<ReturnType<HttpClient['makeRequest']>>;

/** The largest answer that is read, in bytes. A hundred subscriptions with their items are some 3 MiB. */
const maxAnswerBytes = 16 * 1024 * 1024;

const agents = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };

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
      const options = { host, port, path, method, headers: { ...headers } as Record<string, string> };
      const isPlain = protocol === 'http';
      const send = isPlain
        ? requestHttp({ ...options, agent: agents.http })
        : requestHttps({ ...options, agent: agents.https });
      const { status, headers: given, text } = await exchange(send, requestData, timeout);
      return responseOf(status, given, text);
    },
  };
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** Sends a request and reads the whole answer. @throws an error with a code that the library knows */
function exchange(request: ClientRequest, body: string, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(broken('ETIMEDOUT')), timeoutMs);
    function fail(error: Error) {
      clearTimeout(timer);
      reject(error);
      request.destroy();
    }
    request.once('error', fail);
    request.once('response', (response) => {
      const pieces: Buffer[] = [];
      let size = 0;
      response.on('data', (piece: Buffer) => {
        size += piece.length;
        if (size > maxAnswerBytes) fail(broken('EMSGSIZE'));
        else pieces.push(piece);
      });
      response.once('error', fail);
      response.once('end', () => {
        clearTimeout(timer);
        resolve(answerOf(response, Buffer.concat(pieces)));
      });
      response.once('close', () => {
        if (!response.complete) fail(broken('ECONNRESET'));
      });
    });
    request.end(body);
  });
}

const answerOf = ({ statusCode = 0, headers }: IncomingMessage, bytes: Buffer): Answer => ({
  ...{ status: statusCode, headers },
  text: bytes.toString('utf8'),
});

const broken = (code: string) => Object.assign(new TypeError(code), { code });

/** @throws if no server of Stripe's would answer so */
function responseOf(status: number, headers: IncomingHttpHeaders, text: string): Response {
  const json = parse(text);
  if (!isOfStripe(status, json)) {
    // The library asks again after such a status, and then tells it.
    if (status < 500) throw broken('EPROTO');
    return response(status, headers, { error: { type: 'api_error', message: 'no answer of Stripe' } });
  }
  return response(status, headers, json);
}

const response = (status: number, headers: IncomingHttpHeaders, json: unknown): Response => ({
  getStatusCode: () => status,
  getHeaders: () => headers as Record<string, string>,
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
