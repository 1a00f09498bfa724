import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { SMTPServer } from 'smtp-server';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { createPost } from '../../src/http/outbound.ts';
import { type Dispatcher, startDispatcher } from '../../src/webhooks/deliver.ts';
import { createSendMail } from '../../src/webhooks/email/send.ts';
import { addMailboxes, removeMailboxes } from '../../src/webhooks/email/store.ts';
import { writeEventsOn } from '../../src/webhooks/outbox/store.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import { startReceiver } from '../helpers/receiver.ts';

// Alerts are mailed by a real mail server: few mails, and nothing is lost while it is down.

const password = 'p@ss:w%rd';

interface ReceivedMail {
  to: string[];
  headers: string;
  text: string;
}
let mails: ReceivedMail[] = [];
/** What the mail server answers to a sender; null accepts. */
let refusal: { code: number; message: string } | null = null;
let acceptedPassword = password;
/** Whether it answers when it has taken a mail. */
let isSilent = false;

const mailServer = new SMTPServer({
  disabledCommands: ['STARTTLS'],
  allowInsecureAuth: true,
  onAuth: (auth, _session, done) =>
    auth.username === 'kana' && auth.password === acceptedPassword
      ? done(null, { user: 'kana' })
      : done(new Error('Wrong')),
  onMailFrom: (_address, _session, done) =>
    refusal === null
      ? done()
      : done(Object.assign(new Error(refusal.message), { responseCode: refusal.code })),
  onData(stream, session, done) {
    textOf(stream).then((raw) => {
      const [headers = '', ...parts] = raw.split('\r\n\r\n');
      const to = session.envelope.rcptTo.map(({ address }) => address);
      mails.push({ to, headers, text: decoded(parts.join('\n\n')) });
      if (!isSilent) done();
    }, done);
  },
});
mailServer.on('error', () => undefined);

/** The text of a quoted-printable body. */
const decoded = (body: string) =>
  decodeURIComponent(
    body
      .replaceAll('\r\n', '\n')
      .replaceAll('=\n', '')
      .replace(/%/g, '%25')
      .replace(/=([0-9A-F]{2})/g, '%$1'),
  );

let app: TestApp;
let log = '';
const logger = pino({ level: 'debug' }, { write: (line) => (log += line) });
const dispatchers: Dispatcher[] = [];
const sockets = new Set<Socket>();
const servers: Server[] = [];

beforeAll(async () => {
  app = await startTestApp();
  await new Promise<void>((resolve) => mailServer.listen(0, '127.0.0.1', resolve));
  await addMailboxes(app.database.work);
  const entitlement = { limit: 10, resetPeriod: 'MONTH', alertAt: [80, 100] };
  await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE }) { id } }');
  await app.ok('mutation ($input: CreatePackageInput!) { createPackage(input: $input) { id } }', {
    input: { id: 'pro', features: [{ id: 'calls', entitlement }] },
  });
  await app.ok('mutation { publishPackage(id: "pro") { id } }');
});
afterAll(async () => {
  await new Promise<void>((resolve) => mailServer.close(resolve));
  await app.close();
});
afterEach(async () => {
  await stopAll();
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  await app.database.work.query('delete from webhook_event');
  await app.database.work.query('update webhook set paused_until = null, failures = 0, failing_since = null');
  mails = [];
  refusal = null;
  isSilent = false;
  log = '';
});

const settings = (port: number) =>
  parseConfig({
    SMTP_URL: `smtp://kana:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    ALERT_EMAIL: 'ops@example.com, night@example.com',
    ALERT_EMAIL_FROM: 'kana@example.com',
  }).email as NonNullable<Config['email']>;
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

/** As a process does at its start. */
async function dispatch(port = portOf(mailServer.server), limits?: { timeoutMs: number }): Promise<void> {
  const { work: pool, isBusy } = app.database;
  const parts = { pool, encryption: testEncryption, log: logger, isBusy, post: createPost(true) };
  const sendMail = await createSendMail(settings(port), logger, limits);
  dispatchers.push(startDispatcher({ ...parts, sendMail, intervalMs: 20 }));
}
const stopAll = () => Promise.all(dispatchers.splice(0).map((each) => each.stop()));

/** A mail server that accepts connections and lets them wait. */
async function startHanging(talk: (socket: Socket) => void = () => undefined): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    talk(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return portOf(server);
}

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error('it did not happen');
    await sleep(20);
  }
}
const isPausedFor = async (time: string) => {
  const sql = `select from webhook where id = 'email-test' and paused_until > now() + interval '${time}'`;
  return (await app.database.work.query(sql)).rowCount === 1;
};
/** As if the pause of the mailboxes were over. */
const hurry = () => app.database.work.query('update webhook set paused_until = null');
const stateOf = async (state: string) => {
  const fields = 'type state attempts problem';
  const query = `{ webhookDeliveries(webhookId: "email-test", state: ${state}, first: 100) { ${fields} } }`;
  return (await app.ok(query)).webhookDeliveries;
};

let users = 0;
/** A user with an email that others have too, so that a flag is raised, or none. */
async function createUser(email: string | null = null): Promise<string> {
  users += 1;
  const id = `user-${users}`;
  await app.ok('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', {
    input: { id, email },
  });
  return id;
}
async function crossLimit(delta: number): Promise<string> {
  const userId = await createUser();
  await app.ok(`mutation { subscribe(userId: "${userId}", packageIds: ["pro"]) { id } }`);
  const input = { userId, featureId: 'calls', delta };
  await app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input,
  });
  return userId;
}

test('a mail tells what crossed, then the mailbox rests, and many events make one mail', async () => {
  await dispatch();
  const first = await crossLimit(8);
  await until(async () => (await stateOf('DELIVERED')).length === 1);
  expect(mails).toHaveLength(1);
  expect(mails[0]?.to).toEqual(['ops@example.com', 'night@example.com']);
  expect(mails[0]?.headers).toContain('Subject: [Open Kana] test: 1 threshold reached');
  expect(mails[0]?.headers).toContain('Auto-Submitted: auto-generated');
  expect(mails[0]?.text).toContain('  calls at 80 %: 1\n');
  expect(mails[0]?.text).toContain(`    ${first} used 8 of 10 (package pro, since `);
  expect(await isPausedFor('4 minutes')).toBe(true);

  for (let user = 0; user < 12; user += 1) await crossLimit(10);
  await createUser('shared@example.com');
  const second = await createUser('shared@example.com');
  expect((await stateOf('PENDING')).length).toBe(25);
  await hurry();
  await until(async () => (await stateOf('DELIVERED')).length === 26);
  expect(mails).toHaveLength(2);
  expect(mails[1]?.headers.replaceAll('\r\n ', ' ')).toContain(
    'Subject: [Open Kana] test: 12 limits reached, 12 thresholds reached, 1 flag',
  );
  expect(mails[1]?.text).toMatch(
    /Limits reached: 12\n {2}calls: 12\n( {4}user-\d+ used 10 of 10.*\n){5} {4}and 7 more/,
  );
  expect(mails[1]?.text).toMatch(
    new RegExp(`Users have the same email address: 1\n {4}users user-\\d+, ${second}\n`),
  );
  expect(mails.map(({ text }) => text).join()).not.toContain('shared@');
});

test('what a server refuses or cannot take is told when it can, and the password is never logged', async () => {
  refusal = { code: 451, message: 'Not for <ops@example.com>, try later' };
  await dispatch();
  const flagged = async () => {
    await createUser('same@example.com');
  };
  await flagged();
  await flagged();
  await until(async () => (await stateOf('PENDING'))[0]?.attempts === 1);
  const [kept] = await stateOf('PENDING');
  expect(kept.problem).toBe('The mail server answered: 451 Not for … try later');
  expect(await isPausedFor('1 minute')).toBe(false);

  refusal = null;
  acceptedPassword = 'another';
  await hurry();
  await until(async () => (await stateOf('PENDING'))[0]?.attempts === 2);
  expect((await stateOf('PENDING'))[0].problem).toBe(
    'The mail server refused the user name or password (535).',
  );
  acceptedPassword = password;

  await stopAll();
  // A port at which nothing listens any more: the mail server is gone.
  const port = await startHanging();
  await new Promise((resolve) => servers.pop()?.close(resolve));
  await dispatch(port);
  await hurry();
  await until(async () => (await stateOf('PENDING'))[0]?.attempts === 3);
  expect((await stateOf('PENDING'))[0].problem).toMatch(/^The mail server cannot be used \(E\w+\)\.$/);

  // After a restart, with what happened meanwhile.
  await stopAll();
  await flagged();
  await addMailboxes(app.database.work);
  await dispatch();
  await hurry();
  await until(async () => (await stateOf('DELIVERED')).length === 2);
  expect(mails).toHaveLength(1);
  expect(mails[0]?.headers).toContain('2 flags');
  expect(log).toContain('try later');
  for (const secret of [
    '@example.com',
    password,
    encodeURIComponent(password),
    Buffer.from(password).toString('base64'),
  ])
    expect(log).not.toContain(secret);
});

test('a server that takes a mail and does not answer gets the next one after 5 minutes, too', async () => {
  isSilent = true;
  await dispatch(undefined, { timeoutMs: 2_000 });
  await createUser('silent@example.com');
  await createUser('silent@example.com');
  await until(async () => (await stateOf('PENDING'))[0]?.attempts === 1);
  expect((await stateOf('PENDING'))[0].problem).toBe('The mail server did not answer in time.');
  expect(mails).toHaveLength(1);
  expect(await isPausedFor('4 minutes')).toBe(true);
});

test('a storm makes few mails of a bounded length, and nothing of it is lost', async () => {
  const crossed = Array.from({ length: 12_500 }, (_, index) => ({
    type: 'usage.threshold_reached' as const,
    data: {
      ...{
        userId: `storm-${index}`,
        featureId: `calls-${index % 80}`,
        subscriptionId: '1',
        packageId: 'pro',
      },
      ...{ used: 8, limit: 10, threshold: 80, windowStart: '2026-11-01T00:00:00.000Z' },
    },
  }));
  const client = await app.database.work.connect();
  await writeEventsOn(client, 'test', crossed).finally(() => client.release());
  await dispatch();
  const count = async (state: string) => {
    const sql = 'select count(*)::int as count from webhook_delivery where state::text = $1';
    return (await app.database.work.query(sql, [state])).rows[0].count;
  };
  await until(async () => (await count('DELIVERED')) === 10_000);
  expect(await isPausedFor('4 minutes')).toBe(true);
  await hurry();
  await until(async () => (await count('DELIVERED')) === 12_500);
  expect(mails.map(({ headers }) => headers.match(/Subject: .*/)?.[0])).toEqual([
    'Subject: [Open Kana] test: 10000 thresholds reached',
    'Subject: [Open Kana] test: 2500 thresholds reached',
  ]);
  expect(mails[0]?.text).toMatch(/ {2}calls-\d+ at 80 %: 125\n( {4}storm-.*\n){5} {4}and 120 more\n/);
  expect(mails[0]?.text).toMatch(/ {2}and 3750 more, of 30 other kinds\n/);
  expect(mails[0]?.text).toContain('There may be more: the next mail tells it.');
  expect(mails[1]?.text).not.toContain('There may be more');
  for (const { text } of mails) expect(text.length).toBeLessThan(50_000);
});

test('a server that hangs delays no webhook, and is given up', async () => {
  const receiver = await startReceiver();
  const { createWebhook } = await app.ok(
    'mutation ($url: String!) { createWebhook(input: { url: $url, events: ["user.created"] }) { webhook { id } } }',
    { url: receiver.url },
  );
  let connections = 0;
  await dispatch(
    await startHanging(() => {
      connections += 1;
    }),
  );
  await createUser('twice@example.com');
  await createUser('twice@example.com');
  await until(() => connections > 0);
  await createUser();
  await receiver.count(3);
  await stopAll();
  expect((await stateOf('PENDING')).length).toBe(1);
  await app.ok('mutation ($id: String!) { deleteWebhook(id: $id) { id } }', { id: createWebhook.webhook.id });
  await receiver.close();

  // It talks all the time, but never ends its answer.
  const talking = await startHanging((socket) => {
    socket.write('220 ready\r\n');
    const timer = setInterval(() => socket.write('250-wait\r\n'), 20);
    socket.resume().on('close', () => clearInterval(timer));
  });
  const sendMail = await createSendMail(settings(talking), logger, { timeoutMs: 200 });
  const { signal } = new AbortController();
  expect(await sendMail({ subject: 'A', text: 'B' }, signal)).toEqual({
    problem: 'The mail server did not answer in time.',
    mayHaveArrived: false,
  });
  const [socket] = [...sockets].slice(-1);
  if (socket !== undefined && !socket.closed) await once(socket, 'close');
});

test('the mailbox is no webhook that the API lists or changes, but its deliveries are shown and tested', async () => {
  const id = 'email-test';
  expect((await app.ok('{ webhooks { id } }')).webhooks).toEqual([]);
  for (const call of [
    'updateWebhook(id: "email-test", input: { enabled: false })',
    'deleteWebhook(id: "email-test")',
  ])
    expect((await app.fails(`mutation { ${call} { id } }`)).extensions.exception?.name).toBe(
      'WebhookNotFoundError',
    );
  const rotated = await app.fails('mutation { rotateWebhookSecret(id: "email-test") { secret } }');
  expect(rotated.extensions.exception?.name).toBe('WebhookNotFoundError');

  await dispatch();
  await app.ok('mutation ($id: String!) { testWebhook(id: $id) { id } }', { id });
  await until(async () => (await stateOf('DELIVERED')).length === 1);
  expect(mails[0]?.text).toContain('Test messages: 1\n  Sent by testWebhook: 1\n    to email-test\n');
});

test('without a mail server, nothing is written for a mailbox, and what it had is not sent elsewhere', async () => {
  await createUser('again@example.com');
  await createUser('again@example.com');
  const { work: pool, isBusy } = app.database;
  const posted: string[] = [];
  const post = async (url: string) => {
    posted.push(url);
    return { status: 204, body: '' };
  };
  const parts = { pool, encryption: testEncryption, log: logger, isBusy, post, sendMail: null };
  await app.ok(
    'mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: ["flag.raised"] }) { secret } }',
  );
  dispatchers.push(startDispatcher({ ...parts, intervalMs: 20 }));
  await createUser('again@example.com');
  await until(() => posted.length === 1);
  expect((await stateOf('PENDING')).length).toBe(2);

  expect(log).toBe('');

  await removeMailboxes(pool);
  await createUser('again@example.com');
  await until(() => posted.length === 2);
  expect(posted).toEqual(['http://127.0.0.1:9/', 'http://127.0.0.1:9/']);
  const { rows } = await pool.query(
    `select webhook_id from webhook_delivery where webhook_id = 'email-test'`,
  );
  expect(rows).toHaveLength(2);
});
