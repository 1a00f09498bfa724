import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Relay {
  /** Where a Segment library sends its batches. */
  url: string;
  /** Every event as it was passed on, and the answer to it. */
  passedOn: { event: Record<string, unknown>; status: number; body: unknown }[];
  close(): Promise<void>;
}

/**
 * Stands in for Segment: takes batches as its libraries send them, and passes each event on by itself as its
 * webhook destination does, with what Segment adds on the way.
 *
 * @param webhook where to, and the headers that its settings would hold
 */
export async function startRelay(webhook: { url: string; headers: Record<string, string> }): Promise<Relay> {
  const passedOn: Relay['passedOn'] = [];
  async function passOn(event: Record<string, unknown>, sentAt: unknown): Promise<void> {
    const added = {
      ...event,
      originalTimestamp: event.timestamp,
      receivedAt: new Date().toISOString(),
      sentAt,
      channel: 'server',
      projectId: 'relay',
      version: 2,
    };
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...webhook.headers },
      body: JSON.stringify(added),
    });
    passedOn.push({ event: added, status: response.status, body: await response.json() });
  }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { batch, sentAt } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    for (const event of batch) await passOn(event, sentAt);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"success":true}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passedOn,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
