import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

/** A message as it arrived. */
export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  /** The parsed body. */
  payload: {
    type: string;
    version: number;
    timestamp: string;
    environment: string;
    data: Record<string, unknown>;
  };
}

export interface Receiver {
  url: string;
  received: Received[];
  /** How many requests are open at the moment, and how many were at most. */
  open(): { now: number; most: number };
  /** Decides the answer from now on; the default is 204. */
  answerWith(answer: (message: Received, response: ServerResponse) => void): void;
  /** Waits until so many messages have arrived. */
  count(number: number): Promise<Received[]>;
  /** Fails if a message did not fit the schema that is published for its type. */
  close(): Promise<void>;
}

const schemas = new Map<string, z.ZodType>();

/** What is wrong with a message by the JSON Schema in docs/reference/webhooks; null if it fits. */
function misfitOf(payload: { type: string }): string | null {
  const { type } = payload;
  const published = () =>
    z.fromJSONSchema(JSON.parse(readFileSync(`docs/reference/webhooks/${type}.json`, 'utf8')));
  const schema = schemas.get(type) ?? published();
  schemas.set(type, schema);
  const { error } = schema.safeParse(payload);
  return error === undefined ? null : `${type}: ${z.prettifyError(error)}`;
}

/** The body of a request; null if the connection broke, as it does when the receiver is closed. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return null;
  }
  return Buffer.concat(chunks).toString();
}

const timeoutMs = 15_000;

/** Receives webhooks. @param port a free one unless given */
export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  let answer: Parameters<Receiver['answerWith']>[0] = (_message, response) => response.writeHead(204).end();
  const open = { now: 0, most: 0 };
  let arrived = () => {};
  let misfit: string | null = null;
  const server = createServer(async (request, response) => {
    open.now += 1;
    open.most = Math.max(open.most, open.now);
    response.on('close', () => {
      open.now -= 1;
    });
    const body = await bodyOf(request);
    if (body === null) return;
    const message = { headers: request.headers, body, payload: JSON.parse(body) };
    received.push(message);
    misfit ??= misfitOf(message.payload);
    answer(message, response);
    arrived();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    open: () => open,
    answerWith(next) {
      answer = next;
    },
    async count(number) {
      const deadline = performance.now() + timeoutMs;
      while (received.length < number) {
        if (performance.now() > deadline) throw new Error(`${received.length} of ${number} messages arrived`);
        await new Promise<void>((resolve) => {
          arrived = resolve;
          setTimeout(resolve, 100);
        });
      }
      return received;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve, reject) =>
        server.close(() => (misfit === null ? resolve() : reject(new Error(misfit)))),
      );
    },
  };
}
