import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { z } from 'zod';
import { verifyWebhook, type WebhookData } from '../../packages/sdk/src/index.ts';
import type { EventType, eventData } from '../../src/webhooks/outbox/rules.ts';
import { messageOf, secretOf, signedHeaders } from '../../src/webhooks/rules.ts';
import { ensureBuilt } from '../helpers/process.ts';
import { block, has } from '../helpers/programs.ts';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
// A type that the server has and the SDK lacks, or the other way round, does not compile.
const isComplete: Same<keyof WebhookData, EventType> = true;
type Sent = { [Type in EventType]: z.output<(typeof eventData)[Type]> };
const fits = (sent: { [Type in EventType]: Record<string, unknown> & Sent[Type] }) => sent;

const secret = secretOf(randomBytes(32));
const other = secretOf(randomBytes(32));
const event = { environmentId: 'test', messageId: 'a', type: 'user.created', data: { userId: 'Ünal' } };
const message = messageOf({ ...event, createdAt: new Date() });
const headers = signedHeaders(message, [secret], new Date());

test('the SDK knows every type of event', () => {
  expect([isComplete, typeof fits]).toEqual([true, 'function']);
});

test('a message is verified with headers of Node and of fetch, as text and as bytes', async () => {
  const expected = { ...JSON.parse(message.body), id: message.id };
  expect(await verifyWebhook(message.body, headers, secret)).toEqual(expected);
  expect(await verifyWebhook(Buffer.from(message.body), new Headers(headers), secret)).toEqual(expected);
});

test('names of headers are compared without case', async () => {
  const upper = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  );
  expect(await verifyWebhook(message.body, upper, secret)).toMatchObject({ id: message.id });
});

test('either secret of a rotation verifies, and what the published library signs does too', async () => {
  const both = signedHeaders(message, [other, secret], new Date());
  for (const each of [other, secret]) await verifyWebhook(message.body, both, each);
  const now = new Date();
  const signature = new Webhook(secret).sign(message.id, now, message.body);
  const signed = { ...signedHeaders(message, [], now), 'webhook-signature': signature };
  await verifyWebhook(message.body, signed, secret);
});

test.each([
  ['another secret', message.body, headers, other],
  ['another body', `${message.body} `, headers, secret],
  ['another id', message.body, { ...headers, 'webhook-id': 'msg_b' }, secret],
  ['no signature', message.body, { ...headers, 'webhook-signature': undefined }, secret],
  ['a signature that is none', message.body, { ...headers, 'webhook-signature': 'v1,% v2,x v1' }, secret],
  ['an old message', message.body, signedHeaders(message, [secret], new Date(Date.now() - 301_000)), secret],
  // Still ahead once the tests before it have run.
  ['a time ahead', message.body, signedHeaders(message, [secret], new Date(Date.now() + 400_000)), secret],
  ['no time', message.body, { ...headers, 'webhook-timestamp': 'now' }, secret],
  ['an empty secret', message.body, headers, ''],
  ['a secret that is only the prefix', message.body, headers, 'whsec_'],
  ['a secret that is no base64', message.body, headers, 'whsec_%'],
  ['no secret', message.body, headers, undefined as unknown as string],
  ['a body that was parsed', JSON.parse(message.body), headers, secret],
  ['no headers', message.body, undefined as unknown as Headers, secret],
])('%s is refused', async (_what, body, given, key) => {
  await expect(verifyWebhook(body, given, key)).rejects.toMatchObject({ name: 'WebhookVerificationError' });
});

/** The receivers of the guide, run where the language is on the machine. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe.each([
  ['js', process.execPath, 'receiver.mjs'],
  ['python', 'python3', 'receiver.py'],
  ['ruby', 'ruby', 'receiver.rb'],
  ['go', 'go', 'receiver.go'],
] as const)('the receiver of the guide in %s', (language, command, file) => {
  const code = block('docs/guides/webhooks.md', language);
  let directory: string;

  beforeAll(async () => {
    expect(code).toContain('KANA_WEBHOOK_SECRET');
    if (language === 'js') await ensureBuilt();
    directory = await mkdtemp(join(tmpdir(), 'open-kana-receiver-'));
    await writeFile(join(directory, file), code);
    await symlink(resolve('node_modules'), join(directory, 'node_modules'));
    // `go run` starts a process of its own, which would outlive it.
    if (language === 'go' && has('go')) execFileSync('go', ['build', file], { cwd: directory });
  }, 240_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  const start = (env: NodeJS.ProcessEnv) => {
    const { KANA_WEBHOOK_SECRET: _, ...inherited } = process.env;
    const [program, ...args] =
      language === 'go' ? [join(directory, 'receiver')] : [command, join(directory, file)];
    const child = spawn(program, args, { env: { ...inherited, ...env }, stdio: 'pipe' });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk));
    return { child, exited: once(child, 'exit'), printed: () => printed };
  };

  const testHere = has(command) ? test : test.skip;

  testHere('takes what is signed, as the bytes that it is, and refuses everything else', async () => {
    const port = await freePort();
    const { child, exited, printed } = start({ KANA_WEBHOOK_SECRET: secret, PORT: `${port}` });
    const post = (body: string, given: Record<string, string>) =>
      fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: given }).then(
        ({ status }) => status,
      );
    try {
      const isUp = () =>
        fetch(`http://127.0.0.1:${port}/`, { method: 'POST' }).then(
          () => true,
          () => false,
        );
      while (!(await isUp())) await sleep(20);
      const data = { userId: 'Ünal', featureId: 'calls', threshold: 80 };
      const told = messageOf({ ...event, type: 'usage.threshold_reached', data, createdAt: new Date() });
      expect(await post(told.body, signedHeaders(told, [other, secret], new Date()))).toBe(204);
      expect(await post(message.body, signedHeaders(message, [secret], new Date()))).toBe(204);
      const old = new Date(Date.now() - 301_000);
      expect(await post(message.body, signedHeaders(message, [secret], old))).toBe(400);
      expect(await post(message.body, signedHeaders(message, [other], new Date()))).toBe(400);
      expect(await post(`${message.body} `, signedHeaders(message, [secret], new Date()))).toBe(400);
      const complete = signedHeaders(message, [secret], new Date());
      for (const name of Object.keys(complete)) {
        const { [name]: _, ...rest } = complete;
        expect(await post(message.body, rest)).toBe(400);
        expect(await post(message.body, { ...rest, [name]: '²' })).toBe(400);
      }
      expect(printed()).toContain('Ünal 80');
      expect(printed()).not.toMatch(/Traceback|TypeError|NoMethodError/);
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
  });

  testHere('does not start without the secret, and says so', async () => {
    for (const given of [{}, { KANA_WEBHOOK_SECRET: '' }]) {
      const { exited, printed } = start({ ...given, PORT: `${await freePort()}` });
      expect((await exited)[0]).toBe(1);
      expect(printed()).toContain('Set KANA_WEBHOOK_SECRET');
    }
  });
});
