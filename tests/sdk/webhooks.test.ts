import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { z } from 'zod';
import { verifyWebhook, type WebhookData } from '../../packages/sdk/src/index.ts';
import type { EventType, eventData } from '../../src/webhooks/outbox/rules.ts';
import { messageOf, secretOf, signedHeaders } from '../../src/webhooks/rules.ts';

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
  ['a time ahead', message.body, signedHeaders(message, [secret], new Date(Date.now() + 302_000)), secret],
  ['no time', message.body, { ...headers, 'webhook-timestamp': 'now' }, secret],
])('%s is refused', async (_what, body, given, key) => {
  await expect(verifyWebhook(body, given, key)).rejects.toMatchObject({ name: 'WebhookVerificationError' });
});

/** The guide's functions for other languages, run where the language is on the machine. */
const guide = readFileSync('docs/guides/webhooks.md', 'utf8');
const has = (command: string) => {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
test.each([
  [
    'python3',
    'python',
    (call: string) => ['-c', `${call}`],
    'import json, sys\nprint(verify(*json.loads(sys.stdin.read())) is not None)',
  ],
  [
    'ruby',
    'ruby',
    (call: string) => ['-e', `${call}`],
    'require "json"\nputs !verify(*JSON.parse(STDIN.read)).nil?',
  ],
])('the receiver of the guide in %s', (command, language, args, main) => {
  const code = guide.match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``))?.[1];
  expect(code).toBeDefined();
  if (!has(command)) return;
  const run = (key: string) =>
    execFileSync(command, args(`${code}\n${main}`), { input: JSON.stringify([message.body, headers, key]) })
      .toString()
      .trim()
      .toLowerCase();
  expect(run(secret)).toBe('true');
  expect(run(other)).toBe('false');
});
