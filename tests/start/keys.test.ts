import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createEmptyDatabase, type TestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, run, type ServerProcess, startServer } from '../helpers/process.ts';

let database: TestDatabase;
let unused: TestDatabase;
let server: ServerProcess;

beforeAll(async () => {
  await ensureBuilt();
  [database, unused] = await Promise.all([createEmptyDatabase(), createEmptyDatabase()]);
  server = await startServer({ DATABASE_URL: database.url });
});

afterAll(async () => {
  endAll();
  for (const each of [database, unused]) await each.drop();
});

const keys = (...words: string[]) => run('dist/bundle/keys.js', words, { DATABASE_URL: database.url });

async function status(key: string): Promise<number> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ features { id } }' }),
  });
  return response.status;
}

test('a key that is created works at once, is listed by its end, and stops working when revoked', async () => {
  const created = await keys('create', 'live', 'private');
  expect(created).toEqual({ code: 0, stdout: expect.stringMatching(/^prv_live_\w{32}\n$/), stderr: '' });
  const key = created.stdout.trim();
  expect(await status(key)).toBe(200);

  const line = (await keys('list')).stdout.split('\n').find((each) => each.includes(`…${key.slice(-4)} `));
  expect(line).toMatch(/^[0-9a-f-]{36} {2}live private {2}…\w{4} {2}created \S+Z {2}(used \S+Z {2})?active$/);
  const id = line?.slice(0, 36) ?? '';

  expect(await keys('revoke', id)).toEqual({
    code: 0,
    stdout: `Revoked ${id}: it stops working within 5 seconds.\n`,
    stderr: '',
  });
  while ((await status(key)) !== 401) await new Promise((later) => setTimeout(later, 100));
  expect((await keys('list')).stdout).toMatch(new RegExp(`^${id} .* revoked \\S+Z$`, 'm'));
});

test('a key is created with a name, scopes and an end, and listed with them', async () => {
  const terms = ['--name', 'Billing worker', '--scopes', 'usage,read', '--expires', '2099-01-01'];
  const { stdout } = await keys('create', 'live', 'private', ...terms);
  const lines = (await keys('list')).stdout.split('\n');
  expect(lines.find((each) => each.includes(`…${stdout.trim().slice(-4)} `))).toMatch(
    / {2}may read,usage {2}"Billing worker" {2}expires 2099-01-01T00:00:00.000Z$/,
  );
});

test('the kept secrets of user tokens are told, so that they can be configured instead', async () => {
  expect(await keys('token-secrets')).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^(live|test) {2}[\w-]{43}\n(live|test) {2}[\w-]{43}\n$/),
    stderr: '',
  });
});

test.each([
  [
    'an unknown id',
    ['revoke', '00000000-0000-7000-8000-000000000000'],
    /^There is no active key with the id 0/,
  ],
  ['an id that is none', ['revoke', 'abc'], /^There is no active key with the id abc\.\n$/],
  ['no command', [], /^Usage:\n/],
  ['an unknown environment', ['create', 'prod', 'private'], /^Usage:\n/],
  ['an unknown scope', ['create', 'live', 'private', '--scopes', 'write'], /^Usage:\n/],
  ['a scope of another kind', ['create', 'live', 'public', '--scopes', 'usage'], /^scopes: .+"read"\n$/],
  ['an end that has passed', ['create', 'live', 'private', '--expires', '2020-01-01'], /^Usage:\n/],
  ['a word too many', ['list', 'all'], /^Usage:\n/],
])('%s is refused', async (_, words, message) => {
  expect(await keys(...words)).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
});

test('a database that was never used has no keys', async () => {
  expect(await run('dist/bundle/keys.js', ['list'], { DATABASE_URL: unused.url })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'This database has no tables yet: start the server first.\n',
  });
});
