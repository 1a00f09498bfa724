import { execFile } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { ensureBuilt } from '../helpers/process.ts';

// The command as a process of its own, in a directory of its own, against a running server.

let app: TestApp;
let directory: string;

beforeAll(async () => {
  await ensureBuilt();
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'open-kana-cli-'));
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'api-calls' });
  await createFeature(prisma, { id: '124', type: 'BINARY' });
  await createPackage(prisma, {
    id: 'pro',
    features: [{ id: 'api-calls', limit: 1000, resetPeriod: 'MONTH', overageEnabled: true }, '124'],
    prices: [{ id: 'price_1', amount: 5000, currency: 'gbp', interval: 'month' }],
  });
  await createPackage(prisma, { id: 'next', status: 'DRAFT' });
  await createPackage(prisma, { id: 'seats', isAddon: true, features: ['api-calls'], bases: ['pro'] });
});
afterEach(async () => {
  await rm(directory, { recursive: true });
  const { prisma } = app.database;
  await prisma.packageFeature.deleteMany();
  await prisma.packageBase.deleteMany();
  await prisma.packagePrice.deleteMany();
  await prisma.package.deleteMany();
  await prisma.feature.deleteMany();
});

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `kana`, with nobody at a terminal. */
function kana(words: string, env: Record<string, string> = {}): Promise<Ended> {
  const settings = { KANA_URL: app.url, KANA_DEV_KEY: app.keys.test, KANA_LIVE_KEY: app.keys.live, ...env };
  return new Promise((done) => {
    const options = { cwd: directory, env: { PATH: process.env.PATH, ...settings } };
    execFile(
      process.execPath,
      [resolve('dist/bundle/kana.js'), ...words.split(' ')],
      options,
      (error, stdout, stderr) => done({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

const pathOf = (name: string) => join(directory, 'kana', name);
const read = (name: string) => readFile(pathOf(name), 'utf8');
async function write(name: string, text: string): Promise<void> {
  await mkdir(dirname(pathOf(name)), { recursive: true });
  await writeFile(pathOf(name), text);
}
async function edit(from: string, to: string): Promise<void> {
  const text = await read('kana.dev.yaml');
  expect(text).toContain(from);
  await write('kana.dev.yaml', text.replace(from, to));
}

const upToDate = { code: 0, stdout: 'The local config file is up to date.\n', stderr: '' };

test('pull writes the catalogue as a file for people, add-ons and base packages included', async () => {
  expect(await kana('pull')).toEqual({ code: 0, stdout: 'Wrote ./kana/kana.dev.yaml.\n', stderr: '' });
  expect(await read('kana.dev.yaml')).toMatch(
    /^version: 1\.0\.0\n\n# Updated: \w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT.*\n\n# PROJECT: test_app\n\n# FEATURES\nfeatures:\n {2}- id: api-calls\n {4}name: api-calls\n {4}type: CONSUMABLE\n {2}- id: "124"\n {4}name: "124"\n {4}type: BINARY\n\n# PACKAGES\npackages:\n {2}draft:\n {4}- id: next\n {6}name: next\n {6}features: \[\]\n {2}published:\n {4}- id: pro\n {6}name: pro\n {6}features:\n {8}- id: api-calls\n {10}limit: 1000\n {10}overage_enabled: true\n {10}reset_period: MONTH\n {8}- id: "124"\n {6}prices:\n {8}- id: price_1\n {10}provider: STRIPE\n {10}amount: 5000\n {10}currency: gbp\n {10}interval: month\n\n# ADD-ONS\naddons:\n {2}draft: \[\]\n {2}published:\n {4}- id: seats\n {6}name: seats\n {6}features:\n {8}- id: api-calls\n {10}limit: null\n {6}base_packages:\n {8}- pro\n$/,
  );
});

test('pull, then validate: up to date', async () => {
  await kana('pull');
  expect(await kana('validate')).toEqual(upToDate);
  expect(await kana('publish')).toEqual(upToDate);
});

test('pulling what the file says already leaves it as it is, comments included', async () => {
  await kana('pull');
  await edit('# FEATURES', '# What we sell');
  const before = await read('kana.dev.yaml');
  expect(await kana('pull')).toEqual({
    code: 0,
    stdout: './kana/kana.dev.yaml is up to date.\n',
    stderr: '',
  });
  expect(await read('kana.dev.yaml')).toBe(before);
});

describe('a file that is written anew', () => {
  beforeEach(async () => {
    await kana('pull');
    await edit('name: next', 'name: Mine');
  });

  test.each([
    ['pull', ''],
    ['publish --yes', /\nKana config successfully updated!\n$/],
  ])('stays as it was where %s cannot write it whole', async (words, told) => {
    await edit('version: 1.0.0', 'version: 0.9.0');
    const before = await read('kana.dev.yaml');
    const env = { PATH: process.env.PATH, KANA_URL: app.url, KANA_DEV_KEY: app.keys.test };
    const ended = await new Promise((done) => {
      // No file may grow, as on a full disk.
      const command = `ulimit -f 0; exec "${process.execPath}" "${resolve('dist/bundle/kana.js')}" ${words}`;
      execFile('sh', ['-c', command], { cwd: directory, env }, (error, stdout, stderr) =>
        done({ code: error?.code, stdout, stderr }),
      );
    });
    expect(ended).toEqual({
      code: 1,
      stdout: told === '' ? '' : expect.stringMatching(told),
      stderr: expect.stringMatching(
        /^\[ERROR\]: \.\/kana\/kana\.dev\.yaml cannot be written \(EFBIG: .*\)\n$/,
      ),
    });
    expect(await read('kana.dev.yaml')).toBe(before);
    expect(await readdir(join(directory, 'kana'))).toEqual(['kana.dev.yaml']);
  });

  test('keeps its permissions, and nothing is left beside it', async () => {
    await chmod(pathOf('kana.dev.yaml'), 0o606);
    expect((await kana('pull')).code).toBe(0);
    expect(await read('kana.dev.yaml')).not.toContain('Mine');
    expect((await stat(pathOf('kana.dev.yaml'))).mode & 0o777).toBe(0o606);
    expect(await readdir(join(directory, 'kana'))).toEqual(['kana.dev.yaml']);
  });

  test.each([
    ['there', 'kana.dev.yaml', 'Mine'],
    ['not there yet', 'new.yaml', ''],
  ])('is written through a link whose target is %s', async (_, target, before) => {
    await symlink(target, pathOf('kana.yaml'));
    if (before) expect(await read('kana.yaml')).toContain(before);
    expect((await kana('pull --live')).code).toBe(0);
    expect((await lstat(pathOf('kana.yaml'))).isSymbolicLink()).toBe(true);
    expect(await read(target)).toContain('# PROJECT: live_app');
  });

  test('is told by name where it cannot be written', async () => {
    await rm(join(directory, 'kana'), { recursive: true });
    await writeFile(join(directory, 'kana'), '');
    expect(await kana('pull')).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^\[ERROR\]: \.\/kana\/kana\.dev\.yaml cannot be written \(E\w+: .*\)\n$/,
      ),
    });
  });
});

test('pull, edit, validate, publish, pull is stable', async () => {
  await kana('pull');
  await edit(
    'id: next\n      name: next\n      features: []',
    'id: next\n      name: Next\n      features: [{ id: "124" }]',
  );
  const told = 'Draft package "next": name "next" becomes "Next"; feature "124" is added.\n';
  expect(await kana('validate')).toEqual({ code: 0, stdout: told, stderr: '' });
  expect(await kana('publish --yes')).toEqual({
    code: 0,
    stdout: `${told}Kana config successfully updated!\n`,
    stderr: '',
  });
  const published = await read('kana.dev.yaml');
  expect(await kana('validate')).toEqual(upToDate);
  await kana('pull');
  expect(await read('kana.dev.yaml')).toBe(published);
});

test('publishing into the empty live environment rebuilds the catalogue there', async () => {
  await kana('pull');
  await write('kana.yaml', await read('kana.dev.yaml'));
  expect((await kana('publish --live --force')).code).toBe(0);
  await rm(pathOf('kana.yaml'));
  expect(await kana('pull --live')).toEqual({ code: 0, stdout: 'Wrote ./kana/kana.yaml.\n', stderr: '' });
  expect(parse(await read('kana.yaml'))).toEqual(parse(await read('kana.dev.yaml')));
  expect(await read('kana.yaml')).toContain('# PROJECT: live_app');
});

describe('what cannot be done', () => {
  const told =
    '[ERROR] Feature "api-calls" is CONSUMABLE, and a feature\'s type never changes: create a BINARY feature with another id.\n';
  beforeEach(async () => {
    await kana('pull');
    await edit('type: CONSUMABLE', 'type: BINARY');
    await edit('name: next', 'name: Next');
  });
  const change = 'Draft package "next": name "next" becomes "Next".\n';

  test('ends validate with code 1', async () => {
    expect(await kana('validate')).toEqual({ code: 1, stdout: `${told}${change}`, stderr: '' });
  });

  test('stops publish, and nothing is published', async () => {
    expect(await kana('publish --yes')).toEqual({
      code: 1,
      stdout: `${told}${change}`,
      stderr: '[ERROR]: Config validation failed. Review above error(s) or pass in "--force" ("-f")\n',
    });
    expect((await kana('validate')).stdout).toContain(change);
  });

  test('is left out of publish with --force, and the file keeps what somebody wrote', async () => {
    const written = await read('kana.dev.yaml');
    expect(await kana('publish -f -y')).toEqual({
      code: 1,
      stdout: `${told}${change}./kana/kana.dev.yaml is unchanged: 1 error is left to correct in it.\n`,
      stderr: '',
    });
    expect(await read('kana.dev.yaml')).toBe(written);
    expect(await kana('validate')).toEqual({ code: 1, stdout: told, stderr: '' });
  });
});

test('another limit of a published package is its next version, and the subscribers are told of', async () => {
  const { prisma } = app.database;
  await createUser(prisma, { id: 'ada' });
  await createSubscription(prisma, { userId: 'ada', packageId: 'pro' });
  await kana('pull');
  await edit('limit: 1000', 'limit: 2000');
  const told =
    'Will publish version 2 of package "pro": limit of "api-calls" 1000 becomes 2000. 1 subscriber stays on version 1.\n';
  expect(await kana('validate')).toEqual({ code: 0, stdout: told, stderr: '' });
  expect((await kana('publish -y')).stdout).toBe(`${told}Kana config successfully updated!\n`);
  expect(await kana('validate')).toEqual(upToDate);
  await prisma.subscription.deleteMany();
  await prisma.user.deleteMany();
});

test('without a terminal, publish wants --yes', async () => {
  await kana('pull');
  await edit('name: next', 'name: Next');
  expect(await kana('publish')).toMatchObject({
    code: 1,
    stderr: '[ERROR]: There is no terminal to confirm the publication: pass in "--yes" ("-y")\n',
  });
});

test('bootstrap writes an example that can be published as it is', async () => {
  expect((await kana('bootstrap', { KANA_DEV_KEY: '' })).code).toBe(0);
  const example = await read('kana.example.yaml');
  expect(example).toContain('# PROJECT: My SaaS Business');
  await write('kana.yaml', example);
  expect(await kana('publish --live -y')).toEqual({
    code: 0,
    stdout: [
      'New BINARY feature "dashboard-access".',
      'New CONSUMABLE feature "api-calls".',
      'New published package "basic-plan".',
      'New published package "premium-plan".',
      'Kana config successfully updated!\n',
    ].join('\n'),
    stderr: '',
  });
  expect(await kana('validate --live')).toEqual(upToDate);
});

describe('a file that is wrong', () => {
  test.each<[string, string, string | RegExp]>([
    ['at first sight', 'features: []', 'your setup must contain at least one feature!\n'],
    [
      'in what the server sees',
      'features: [{ id: 7, name: x, type: BINARY }]\npackages: { draft: [{ id: p, name: P, features: [] }] }',
      'features.0.id: must be text; put it in quotes if it looks like a number or another type\n',
    ],
    ['because it is no YAML', 'features: [', /^\.\/kana\/kana\.dev\.yaml: .* at line 1, column \d+:/],
  ])('%s', async (_, text, message) => {
    await write('kana.dev.yaml', text);
    for (const words of ['validate', 'publish -f -y']) {
      const { code, stdout, stderr } = await kana(words);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr.slice(0, 9)).toBe('[ERROR]: ');
      expect(stderr.slice(9)).toEqual(message instanceof RegExp ? expect.stringMatching(message) : message);
    }
  });
});

describe('told in one line is', () => {
  test.each<[string, string, Record<string, string>, string]>([
    ['a file that is missing', 'validate', {}, 'no file "./kana/kana.dev.yaml" found.'],
    [
      'a key that is missing',
      'pull --live',
      { KANA_LIVE_KEY: '' },
      'apikey is required, please define KANA_LIVE_KEY as an environment variable (.env)',
    ],
    [
      'a key for the other environment',
      'pull --live',
      { KANA_LIVE_KEY: `prv_test_${'x'.repeat(32)}` },
      'KANA_LIVE_KEY must be a private key: it starts with prv_live_',
    ],
    [
      'a key that is not valid',
      'pull',
      { KANA_DEV_KEY: `prv_test_${'x'.repeat(32)}` },
      'Unauthenticated: send a valid private key in the Authorization header.',
    ],
    [
      'a server that is not there',
      'pull',
      { KANA_URL: 'http://127.0.0.1:1' },
      'http://127.0.0.1:1/cli cannot be reached (bad port)',
    ],
  ])('%s', async (_, words, env, message) => {
    expect(await kana(words, env)).toEqual({ code: 1, stdout: '', stderr: `[ERROR]: ${message}\n` });
  });
});

describe('two addresses', () => {
  test.each(['pull', 'pull --live'])('that differ are refused by %s, and nothing is sent', async (words) => {
    expect(await kana(words, { KANA_DEV_URL: 'http://127.0.0.1:1/cli' })).toEqual({
      code: 1,
      stdout: '',
      stderr: `[ERROR]: KANA_DEV_URL (http://127.0.0.1:1/cli) and KANA_URL (${app.url}, so ${app.url}/cli) name different servers: define only one of them\n`,
    });
  });

  test('that are the same are fine', async () => {
    expect((await kana('pull', { KANA_DEV_URL: `${app.url}/cli/` })).code).toBe(0);
  });
});

test('the address can be given as the original’s variable too, and everything in .env', async () => {
  await writeFile(join(directory, '.env'), `KANA_DEV_KEY="${app.keys.test}"\nKANA_DEV_URL=${app.url}/cli\n`);
  const none = { PATH: process.env.PATH };
  const { stdout } = await new Promise<{ stdout: string }>((done) => {
    execFile(
      process.execPath,
      [resolve('dist/bundle/kana.js'), 'pull'],
      { cwd: directory, env: none },
      (_, stdout) => done({ stdout }),
    );
  });
  expect(stdout).toBe('Wrote ./kana/kana.dev.yaml.\n');
});

test('without a command it tells how it is used, and with --help it does so gladly', async () => {
  const help = await kana('--help');
  expect(help).toEqual({ code: 0, stdout: expect.stringMatching(/^Usage: kana <command>/), stderr: '' });
  for (const variable of ['KANA_DEV_KEY', 'KANA_LIVE_KEY', 'KANA_URL', 'KANA_DEV_URL'])
    expect(help.stdout).toContain(variable);
  expect(await kana('destroy')).toEqual({ code: 1, stdout: '', stderr: help.stdout });
  expect(await kana('pull --hard')).toMatchObject({ code: 1, stderr: expect.stringContaining("'--hard'") });
});
