import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDataDir, ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';

// Whatever is sent, and whatever goes wrong: what a process of ours and its PostgreSQL write holds no credential,
// no email and nothing that a caller said. At the loudest level of the log.

const secret = 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6';
const keys = {
  test: `prv_test_${secret}`,
  live: `prv_live_${secret}`,
  publicTest: `pub_test_${secret}`,
  publicLive: `pub_live_${secret}`,
  unknown: `prv_test_${secret.toLowerCase()}`,
};
const tokenSecret = 'the secret that signs the tokens of users';
const segmentSecret = 'what-is-shared-with-segment';
const email = 'ada.lovelace@example.com';
/** Stands for whatever a caller may say. */
const said = 'wombat7261';

let data: Awaited<ReturnType<typeof createDataDir>>;
let server: ServerProcess;

beforeAll(async () => {
  await ensureBuilt();
  data = await createDataDir();
  server = await startServer({
    DATA_DIR: data.dataDir,
    LOG_LEVEL: 'trace',
    KANA_TEST_PRIVATE_KEY: keys.test,
    KANA_LIVE_PRIVATE_KEY: keys.live,
    KANA_TEST_PUBLIC_KEY: keys.publicTest,
    KANA_LIVE_PUBLIC_KEY: keys.publicLive,
    KANA_USER_TOKEN_SECRETS: tokenSecret,
    KANA_DEMO: 'true',
  });
});
afterAll(() => data.remove(), 60_000);

async function send(path: string, headers: Record<string, string>, body?: unknown) {
  const response = await fetch(server.url + path, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const ask = (query: string, variables?: object, authorization = keys.test) =>
  send('/graphql', { Authorization: authorization }, { query, variables });

const track = (userId: string) => ({
  type: 'track',
  userId,
  event: said,
  messageId: said + userId,
  properties: { email, featureId: 'api-calls', note: said },
});

/** Uses each kind of credential, rightly and wrongly. Answers those that the server made. */
async function useCredentials(): Promise<string[]> {
  const generate = await ask('mutation { generateUserToken(userId: "demo-user") { token } }');
  const token: string = JSON.parse(generate.text).data.generateUserToken.token;
  const signIn = await send('/console/session', { 'X-Kana-Console': 'test' }, { key: keys.test });
  const cookie = signIn.headers.get('set-cookie')?.split(';')[0] ?? '';
  const query = { query: '{ users { id } }' };
  const asUser = { query: '{ currentUser { id } }' };
  const basic = `Basic ${Buffer.from(`${keys.test}:`).toString('base64')}`;
  for (const authorization of [
    ...Object.values(keys),
    token,
    `Bearer ${token}`,
    `Bearer ${keys.live}`,
    basic,
  ]) {
    await send('/graphql', { Authorization: authorization }, query);
    await send(`/graphql?query={users{id}}&key=${keys.test}`, { Authorization: authorization });
    await send('/client/graphql', { Authorization: authorization, 'X-User-ID': email }, asUser);
    await send(
      '/segment/events',
      { Authorization: authorization, 'X-Signature': segmentSecret },
      track('demo-user'),
    );
    await send('/cli/pull', { Authorization: authorization });
    await send(`/${authorization}/${email}`, { 'X-Request-Id': authorization, 'User-Agent': authorization });
    await send('/console/session', {
      'X-Kana-Console': 'test',
      Cookie: `kana_console_test=${authorization}`,
    });
  }
  await send('/graphql', { Cookie: cookie, 'X-Kana-Console': 'test' }, query);
  await send('/console/session', { 'X-Kana-Console': 'test' }, { key: keys.unknown });
  return [token, cookie.split('=')[1] ?? ''];
}

/** Sends what is wrong in all ways, with secrets in it. */
async function makeMistakes(): Promise<void> {
  const authorization = { Authorization: keys.test };
  for (const path of ['/graphql', '/client/graphql', '/segment/events', '/cli/validate', '/cli/publish']) {
    for (const body of [
      `{"query": ${keys.test}`,
      `"${email}"`,
      `[${said}]`,
      { query: `{ ${keys.test}(${said}) }` },
    ])
      await send(path, authorization, body);
  }
  await ask(`query ${keys.live} { user(id: "${email}") { id } }`);
  await ask('query ($id: String!) { user(id: $id) { id } }', { id: { email } });
  await ask(`{ ${keys.test}: users { ${said} } }`);
  await ask('mutation ($e: JSON!) { ingestSegmentEvent(event: $e) { outcome } }', { e: { email } });
}

/** Identifies users by email, in ways that meet each other. */
async function identify(): Promise<void> {
  const traits = { email, name: said, billingId: said };
  for (const userId of [email, 'ada', `${said}@example.com`])
    await send('/segment/events', { Authorization: keys.test }, [
      { type: 'identify', userId, messageId: `${userId} ${said}`, traits },
      track(userId),
      track(`later ${email}`),
    ]);
  await ask('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', {
    csv: `id,email,name,billingId,metadata\n${email},${email},${said},,\n,${email},,,`,
  });
}

/** Takes the ground from under the server, so that statements of each kind fail in the database. */
async function breakThings(): Promise<void> {
  const { Client } = await import('pg');
  const client = new Client({ connectionString: await databaseUrl() });
  await client.connect();
  await client.query(`alter table "user" add constraint no_failures check (name <> '${said} fails')`);
  await ask('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', {
    input: { id: `fails ${email}`, name: `${said} fails`, email },
  });
  await client.query('alter table usage_event rename to gone');
  await ask('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId: 'demo-user', featureId: 'api-calls', idempotencyKey: said },
  });
  await send('/segment/events', { Authorization: keys.test }, track('demo-user 2'));
  await client.query('alter table api_key rename to gone_too');
  await send('/cli/pull', { Authorization: keys.publicTest });
  await client.query('select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()');
  await ask('{ users { email } }').catch(() => undefined);
  await client.end();
}

async function databaseUrl(): Promise<string> {
  const home = join(data.dataDir, 'postgres');
  const [, , , port] = (await readFile(join(home, 'cluster/postmaster.pid'), 'utf8')).split('\n');
  return `postgresql://postgres:${await readFile(join(home, 'password'), 'utf8')}@127.0.0.1:${port}/open_kana`;
}

test('nothing that is written holds a secret, an email, or what a caller said', async () => {
  const made = await useCredentials();
  await makeMistakes();
  await identify();
  await breakThings();
  const password = await readFile(join(data.dataDir, 'postgres/password'), 'utf8');
  await server.end('SIGTERM');

  const written = server.stdout() + server.stderr();
  const all = written + (await readFile(join(data.dataDir, 'postgres/postgresql.log'), 'utf8'));
  const lines = server.stderr().trim().split('\n');
  const messages = new Set(lines.map((line) => JSON.parse(line).msg));
  expect([...messages]).toEqual(expect.arrayContaining(['request', 'unexpected error']));
  expect(lines.length).toBeGreaterThan(80);

  const secrets = [
    ...Object.values(keys),
    ...made,
    tokenSecret,
    segmentSecret,
    email,
    password,
    'ada.lovelace',
    said,
  ];
  expect(secrets.filter((each) => each === '' || all.includes(each))).toEqual([]);
  // Nor a piece of one, but the last four characters of a key.
  const pieces = [secret.slice(0, 8), secret.slice(8, 16), ...made.map((token) => token.slice(-20))];
  expect(pieces.filter((piece) => all.includes(piece))).toEqual([]);
  expect(all).not.toMatch(/(prv|pub|wrt)_(test|live)_|eyJ|%40|@[a-z]+\.com/);
});
