import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { ensureBuilt } from '../helpers/process.ts';
import { block, type Language, runProgram, testWith } from '../helpers/programs.ts';

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

const run = (language: Language, code: string, cwd?: string) =>
  runProgram(language, code, { KANA: app.url, KEY: app.keys.test, TOKEN: token }, cwd);

async function used(): Promise<number> {
  const query = '{ showUsage(userId: "ada", featureId: "calls") { current { consumption { used } } } }';
  return (await app.ok(query)).showUsage.current.consumption.used;
}

describe('docs/guides/mcp.md', () => {
  const page = 'docs/guides/mcp.md';

  testWith('curl')('cURL', async () => {
    const { result } = JSON.parse(await run('sh', block(page, 'sh')));
    expect(result.structuredContent).toMatchObject({ access: true, consumption: { budget: 10 } });
  });

  test('TypeScript', async () => {
    const before = await used();
    await run('ts', block(page, 'ts'));
    expect(await used()).toBe(before + 2);
  });

  testWith('python3')('Python', async () => {
    expect(await run('python', block(page, 'python'))).toMatch(/goes from \d+ to \d+, of 10\.\nTrue\n$/);
  });

  test('names every tool', async () => {
    const { tools } = await import('../../src/mcp/tools-rules.ts');
    const text = readFileSync(page, 'utf8');
    expect([...tools.keys()].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});

describe('docs/guides/openfeature.md', () => {
  testWith('curl')('cURL', async () => {
    const answer = JSON.parse(await run('sh', block('docs/guides/openfeature.md', 'sh', 1)));
    expect(answer).toMatchObject({ key: 'calls', value: true, variant: 'granted' });
  });

  test('our provider', async () => {
    const before = await used();
    const script = block('docs/guides/openfeature.md', 'ts', 1);
    const told = await run('ts', script, 'packages/openfeature');
    expect(told).toBe(`${10 - before - 2}\n`);
    expect(await used()).toBe(before + 2);
  });
});

/** Programs that only ask, and what they print. */
describe.each([
  ['docs/guides/openfeature.md', 'python', 'python3', /^True \d+\n$/],
  ['docs/guides/openfeature.md', 'ruby', 'ruby', /^true\n$/],
  ['docs/guides/openfeature.md', 'go', 'go', /^true\n$/],
  ['docs/reference/api.md', 'ruby', 'ruby', /^true\n$/],
  ['docs/reference/api.md', 'go', 'go', /^true\n$/],
] as const)('%s', (page, language, command, told) => {
  testWith(command)(
    language,
    async () => expect(await run(language, block(page, language))).toMatch(told),
    250_000,
  );
});

describe('docs/guides/allowances.md', () => {
  const page = 'docs/guides/allowances.md';
  const runSdk = (script: string) => run('ts', script, 'packages/sdk');

  testWith('curl')('cURL: more for one customer, and the same again', async () => {
    const [first, again] = [
      JSON.parse(await run('sh', block(page, 'sh'))),
      JSON.parse(await run('sh', block(page, 'sh'))),
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
    const { data } = JSON.parse(await run('sh', block(page, 'sh', 1)));
    expect(data.entitlements).toMatchObject([{ feature: { id: 'calls' }, access: true }]);
  });

  test('what a server reads for its page', async () => {
    const script = `${block(page, 'ts')}\nconsole.log(initialUser.user.id, initialPackages[0].id);`;
    const told = await run('ts', script, 'packages/react');
    expect(told).toBe('ada pro\n');
  });

  test('the core, without React', async () => {
    const script = block(page, 'ts', 1);
    const told = await run('ts', script, 'packages/react');
    expect(told).toMatch(/^true \d+\n/);
  });

  testWith('python3')('Python', async () => {
    expect(await run('python', block(page, 'python'))).toBe('calls True\n');
  });
});
