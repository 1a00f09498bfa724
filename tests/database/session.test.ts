import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { Client } from 'pg';
import { isTemporary, reason } from '../../src/database/session.ts';

/** Why a connection fails to a server that treats it so. */
async function failureOf(treat: (socket: Socket) => void): Promise<unknown> {
  const server = createServer(treat);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new Client({
    connectionString: `postgresql://u@127.0.0.1:${port}/d`,
    connectionTimeoutMillis: 100,
  });
  const failure = await client.connect().catch((error) => error);
  server.close();
  return failure;
}

test('a server that hangs up, or hangs, is waited for', async () => {
  expect(isTemporary(await failureOf((socket) => socket.destroy()))).toBe(true);
  expect(isTemporary(await failureOf((socket) => socket.on('error', () => undefined)))).toBe(true);
});

test('a server that refuses us is not', () => {
  const refusal = Object.assign(new Error('password authentication failed'), { code: '28P01' });
  expect(isTemporary(refusal)).toBe(false);
});

test('an untrusted certificate is told with our advice alone, though newer versions of Node.js have one too', () => {
  const error = (more: string) =>
    Object.assign(new Error(`self-signed certificate${more}`), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  const nodes = '; if the root CA is installed locally, try running Node.js with --use-system-ca';
  expect(reason(error(''))).toMatch(/^self-signed certificate; in DATABASE_URL, add sslrootcert=/);
  expect(reason(error(nodes))).toBe(reason(error('')));
});
