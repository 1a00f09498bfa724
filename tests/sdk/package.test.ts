import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureBuilt } from '../helpers/process.ts';

// The SDK as others get it: packed, installed in an empty directory, loaded and type-checked there.

let directory: string;

const run = (command: string, args: string[], cwd: string) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const node = (cwd: string, ...args: string[]) => run(process.execPath, args, cwd);

beforeAll(async () => {
  await ensureBuilt();
  directory = await mkdtemp(join(tmpdir(), 'open-kana-sdk-'));
  const packed = run(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', directory],
    'packages/sdk',
  );
  const [{ filename }] = JSON.parse(packed);
  await writeFile(join(directory, 'package.json'), '{ "private": true }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', `./${filename}`], directory);
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('the installed package', () => {
  const use = 'console.log(typeof new KanaAdmin({ apiKey: "k" }).features.canUse)';

  test('can be imported', () => {
    const script = `import { KanaAdmin } from '@open-kana/sdk'; ${use}`;
    expect(node(directory, '--input-type=module', '--eval', script)).toBe('function\n');
  });

  test('can be required', () => {
    const script = `const { KanaAdmin } = require('@open-kana/sdk'); ${use}`;
    expect(node(directory, '--input-type=commonjs', '--eval', script)).toBe('function\n');
  });

  test('brings nothing else with it', () => {
    const { dependencies } = JSON.parse(run('npm', ['ls', '--all', '--json'], directory));
    expect(Object.keys(dependencies)).toEqual(['@open-kana/sdk']);
    expect(dependencies['@open-kana/sdk'].dependencies).toBeUndefined();
  });
});

describe('its types, without skipLibCheck', () => {
  const imported = `import { KanaAdmin, type Package, type Result } from '@open-kana/sdk';`;
  const required = `import sdk = require('@open-kana/sdk');
import KanaAdmin = sdk.KanaAdmin;
type Package = sdk.Package;
type Result<Data> = sdk.Result<Data>;`;
  const use = `
const kana = new KanaAdmin({ apiKey: 'k', flushAt: 10 });
export const whole: Promise<Result<Package>> = kana.packages.retrieve({ id: 'pro', includeFeatures: true });
export async function isAllowed(userId: string): Promise<boolean> {
  const { data, error } = await kana.features.canUse({ userId, featureId: 'api-calls' });
  if (error) throw error;
  const left: number | undefined | null = data.consumption?.budget;
  return data.access && left !== 0;
}
// @ts-expect-error: a wrong type of argument is found
void kana.users.create({ id: 1 });
// @ts-expect-error: a package without its features has none
void kana.packages.retrieve({ id: 'pro' }).then(({ data }) => data?.features);
`;

  const browserTypes = { lib: ['es2022', 'dom'], types: [] };
  const nodeTypes = { lib: ['es2022'], types: ['node'], typeRoots: [resolve('node_modules/@types')] };

  const check = async (compiler: string, name: string, options: object) => {
    const project = join(directory, `${compiler}-${name}`);
    await writeFile(join(directory, 'imported.mts'), imported + use);
    await writeFile(join(directory, 'required.cts'), required + use);
    const compilerOptions = { target: 'es2022', strict: true, noEmit: true, skipLibCheck: false, ...options };
    const files = ['imported.mts', 'required.cts'];
    await writeFile(`${project}.json`, JSON.stringify({ compilerOptions, files }));
    try {
      return node(directory, resolve('node_modules', compiler, 'bin/tsc'), '-p', `${project}.json`);
    } catch (error) {
      return String((error as { stdout: string }).stdout);
    }
  };

  test.each(['typescript-5.4', 'typescript-5.9', 'typescript-6.0', 'typescript'])(
    'fit %s, imported and required',
    async (compiler) => {
      expect(await check(compiler, 'browser', { module: 'nodenext', ...browserTypes })).toBe('');
    },
    60_000,
  );

  test("fit Node.js' own types instead of a browser's", async () => {
    expect(await check('typescript', 'node', { module: 'nodenext', ...nodeTypes })).toBe('');
  }, 60_000);
});

test('open-kana/sdk still leads to it, for those who install the server', () => {
  const use = 'console.log(typeof new KanaAdmin({ apiKey: "k" }).features.canUse)';
  const script = `import { KanaAdmin } from 'open-kana/sdk'; ${use}`;
  expect(node('.', '--input-type=module', '--eval', script)).toBe('function\n');
  const required = `const { KanaAdmin } = require('open-kana/sdk'); ${use}`;
  expect(node('.', '--input-type=commonjs', '--eval', required)).toBe('function\n');
});
