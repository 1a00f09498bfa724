import { execFileSync } from 'node:child_process';
import { beforeAll, expect, test } from '@jest/globals';
import { ensureBuilt } from '../helpers/process.ts';

beforeAll(ensureBuilt, 120_000);

const node = (...args: string[]) => execFileSync(process.execPath, args, { encoding: 'utf8' });
const use = 'console.log(typeof new KanaAdmin({ apiKey: "k" }).features.canUse)';

test('users import the SDK as open-kana/sdk', () => {
  const script = `import { KanaAdmin } from 'open-kana/sdk'; ${use}`;
  expect(node('--input-type=module', '--eval', script)).toBe('function\n');
});

test('users of CommonJS require it, as the original says', () => {
  const script = `const { KanaAdmin } = require('open-kana/sdk'); ${use}`;
  expect(node('--disable-warning=ExperimentalWarning', '--input-type=commonjs', '--eval', script)).toBe(
    'function\n',
  );
});

test('a packed package holds the SDK, its types, the server and the commands, and no sources or tests', () => {
  const [{ files }] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
  );
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      'dist/sdk/index.js',
      'dist/sdk/index.d.ts',
      'dist/cli/kana.js',
      'dist/main.js',
      'package.json',
      'schema.graphql',
    ]),
  );
  expect(paths.filter((path) => /^(src|tests|bench|node_modules)\//.test(path))).toEqual([]);
});
