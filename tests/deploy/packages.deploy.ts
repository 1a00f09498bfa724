import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ensureBuilt } from '../helpers/process.ts';

// The packages for React and OpenFeature as others get them: packed, installed in an empty directory with what they
// stand beside, loaded and type-checked there. tests/sdk/package.test.ts does it for the SDK.

let directory: string;

const run = (command: string, args: string[], cwd: string) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const node = (...args: string[]) => run(process.execPath, args, directory);

/** In the version that this repository has. */
const beside = (name: string) =>
  `${name}@${JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version}`;

beforeAll(async () => {
  await ensureBuilt();
  directory = await mkdtemp(join(tmpdir(), 'open-kana-packages-'));
  const files = ['sdk', 'react', 'openfeature'].map((name) => {
    const packed = run(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', directory],
      `packages/${name}`,
    );
    return `./${JSON.parse(packed)[0].filename}`;
  });
  await writeFile(join(directory, 'package.json'), '{ "private": true }');
  const others = ['react', 'react-dom', '@types/react', '@openfeature/server-sdk', '@openfeature/core'].map(
    beside,
  );
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...files, ...others], directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each([
  ['@open-kana/react', 'KanaProvider', 'function'],
  ['@open-kana/react', 'Gate', 'function'],
  ['@open-kana/react/core', 'createKana', 'function'],
  ['@open-kana/openfeature', 'OpenKanaProvider', 'function'],
])('%s has %s', (name, exported, type) => {
  test('imported', () => {
    const script = `import { ${exported} } from '${name}'; console.log(typeof ${exported})`;
    expect(node('--input-type=module', '--eval', script)).toBe(`${type}\n`);
  });

  test('required', () => {
    const script = `const { ${exported} } = require('${name}'); console.log(typeof ${exported})`;
    expect(node('--input-type=commonjs', '--eval', script)).toBe(`${type}\n`);
  });
});

test('on a server, a page with a gate is rendered', () => {
  const script = `
    import { createElement as h } from 'react';
    import { renderToString } from 'react-dom/server';
    import { Gate, KanaProvider } from '@open-kana/react';
    const gate = h(Gate, { feature: 'calls', fallback: 'not yet' }, 'yours');
    console.log(renderToString(h(KanaProvider, { endpoint: 'http://127.0.0.1:1', userToken: 't' }, gate)));`;
  expect(node('--input-type=module', '--eval', script)).not.toContain('yours');
});

test.each(['typescript-5.4', 'typescript-5.9', 'typescript-6.0', 'typescript'])(
  'their types fit %s, imported and required, without skipLibCheck',
  async (compiler) => {
    const use = `
export const provider: Provider = new OpenKanaProvider({ apiKey: 'k' });
export const gate = <Gate feature="calls">yours</Gate>;
// @ts-expect-error: a wrong type of property is found
export const wrong = <Gate feature={1}>yours</Gate>;
`;
    const imported = `import type { Provider } from '@openfeature/server-sdk';
import { OpenKanaProvider } from '@open-kana/openfeature';
import { Gate } from '@open-kana/react';`;
    const files = ['imported.mts', 'required.cts'];
    await writeFile(join(directory, 'imported.mts'), imported);
    await writeFile(join(directory, 'used.tsx'), imported + use);
    await writeFile(
      join(directory, 'required.cts'),
      `import openfeature = require('@open-kana/openfeature');
import react = require('@open-kana/react');
export const both = [openfeature.OpenKanaProvider, react.Gate];`,
    );
    const compilerOptions = {
      target: 'es2022',
      module: 'nodenext',
      jsx: 'react-jsx',
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: ['node'],
      typeRoots: [resolve('node_modules/@types')],
    };
    const project = join(directory, `${compiler}.json`);
    await writeFile(project, JSON.stringify({ compilerOptions, files: [...files, 'used.tsx'] }));
    const output = () => {
      try {
        return node(resolve('node_modules', compiler, 'bin/tsc'), '-p', project);
      } catch (error) {
        return String((error as { stdout: string }).stdout);
      }
    };
    expect(output()).toBe('');
  },
);
