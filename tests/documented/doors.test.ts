import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { ensureBuilt } from '../helpers/process.ts';

// The code of the guides for other doors than GraphQL is run as it stands.

let app: TestApp;
let token: string;
beforeAll(async () => {
  await ensureBuilt();
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'pro', features: [{ id: 'calls', limit: 10 }] });
  for (const id of ['api-calls', 'tokens']) await createFeature(prisma, { id });
  await createPackage(prisma, { id: 'models', isAddon: true, features: [{ id: 'tokens', limit: 100 }] });
  for (const [userId, packageId] of [
    ['ada', 'pro'],
    ['124', 'models'],
  ] as const) {
    await createUser(prisma, { id: userId });
    await createSubscription(prisma, { userId, packageId });
  }
  token = (await app.ok('mutation { generateUserToken(userId: "ada") { token } }')).generateUserToken.token;
}, 120_000);
afterAll(() => app.close());

/** @param cwd in the folder of a package its own name leads to it, as it does where it is installed */
async function run(command: string, args: string[], cwd = '.'): Promise<string> {
  const env = { ...process.env, KANA: app.url, KEY: app.keys.test, TOKEN: token };
  return (await promisify(execFile)(command, args, { env, cwd, timeout: 20_000 })).stdout;
}

/** The code of a page in one language: the first block, or one of those after it. */
const block = (page: string, language: string, index = 0) =>
  [...readFileSync(page, 'utf8').matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))][index]?.[1] ??
  '';

const testWith = (command: string) => (spawnSync(command, ['--version']).status === 0 ? test : test.skip);

async function used(): Promise<number> {
  const query = '{ showUsage(userId: "ada", featureId: "calls") { current { consumption { used } } } }';
  return (await app.ok(query)).showUsage.current.consumption.used;
}

describe('docs/guides/mcp.md', () => {
  const page = 'docs/guides/mcp.md';

  testWith('curl')('cURL', async () => {
    const { result } = JSON.parse(await run('sh', ['-c', block(page, 'sh')]));
    expect(result.structuredContent).toMatchObject({ access: true, consumption: { budget: 10 } });
  });

  test('TypeScript', async () => {
    const before = await used();
    await run(process.execPath, ['--input-type=module', '--eval', block(page, 'ts')]);
    expect(await used()).toBe(before + 2);
  });

  testWith('python3')('Python', async () => {
    expect(await run('python3', ['-c', block(page, 'python')])).toMatch(
      /goes from \d+ to \d+, of 10\.\nTrue\n$/,
    );
  });

  test('names every tool', async () => {
    const { tools } = await import('../../src/mcp/tools-rules.ts');
    const text = readFileSync(page, 'utf8');
    expect([...tools.keys()].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('docs/guides/openfeature.md', () => {
  test('our provider', async () => {
    const before = await used();
    const script = block('docs/guides/openfeature.md', 'ts', 1);
    const told = await run(
      process.execPath,
      ['--input-type=module', '--eval', script],
      'packages/openfeature',
    );
    expect(told).toBe(`${10 - before - 2}\n`);
    expect(await used()).toBe(before + 2);
  });
});

describe('docs/guides/allowances.md', () => {
  const page = 'docs/guides/allowances.md';
  const runSdk = (script: string) =>
    run(process.execPath, ['--input-type=module', '--eval', script], 'packages/sdk');

  testWith('curl')('cURL: more for one customer, and the same again', async () => {
    const [first, again] = [
      JSON.parse(await run('sh', ['-c', block(page, 'sh')])),
      JSON.parse(await run('sh', ['-c', block(page, 'sh')])),
    ];
    expect(first.data.grantFeature).toMatchObject({ limit: 500, endsAt: '2030-03-01T17:00:00.000Z' });
    expect(again).toEqual(first);
  });

  test('TypeScript: a top-up for an order that is paid, once', async () => {
    expect(await runSdk(block(page, 'ts'))).toBe('20\n');
    expect(await runSdk(block(page, 'ts'))).toBe('20\n');
  });

  test('TypeScript: tokens are held, and what was really used is committed', async () => {
    const model = 'const askTheModel = async () => ({ tokens: 17 });';
    const left = 'query { canUseFeature(userId: "124", featureId: "tokens") { consumption { remaining } } }';
    const before = (await app.ok(left)).canUseFeature.consumption.remaining;
    expect(await runSdk(`${model}\n${block(page, 'ts', 1)}`)).toBe(`${before - 17}\n`);
  });

  test('TypeScript: a model that fails leaves nothing held', async () => {
    const model = 'const askTheModel = async () => { throw new Error("no answer") };';
    await expect(runSdk(`${model}\n${block(page, 'ts', 1)}`)).rejects.toThrow('no answer');
    expect((await app.ok('{ openReservations(userId: "124") { id } }')).openReservations).toEqual([]);
  });
});

describe('docs/guides/react.md', () => {
  const page = 'docs/guides/react.md';

  testWith('curl')('cURL', async () => {
    const { data } = JSON.parse(await run('sh', ['-c', block(page, 'sh', 1)]));
    expect(data.entitlements).toMatchObject([{ feature: { id: 'calls' }, access: true }]);
  });

  test('what a server reads for its page', async () => {
    const script = `${block(page, 'ts')}\nconsole.log(initialUser.user.id, initialPackages[0].id);`;
    const told = await run(process.execPath, ['--input-type=module', '--eval', script], 'packages/react');
    expect(told).toBe('ada pro\n');
  });

  test('the core, without React', async () => {
    const script = block(page, 'ts', 1);
    const told = await run(process.execPath, ['--input-type=module', '--eval', script], 'packages/react');
    expect(told).toMatch(/^true \d+\n/);
  });

  testWith('python3')('Python', async () => {
    expect(await run('python3', ['-c', block(page, 'python')])).toBe('calls True\n');
  });
});
