// Builds Open Kana when there is no build, or one older than what it is made from. Loaded before the
// program itself (`node --import`), so that npm has one process to hand its signals to.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

const stamp = 'dist/.tsbuildinfo';
const sources = [
  'src',
  'packages',
  'prisma',
  'schema.graphql',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vite.config.js',
  'scripts/bundle.mjs',
];

/** What is generated changes with every test run, though never in content. `dist` is the build itself. */
const ignored = new Set(['generated', 'dist']);

const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** A directory is newer when a file was removed; not where what is generated or built lies in it. */
function isNewer(path, built) {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return modified(path) > built;
  const names = readdirSync(path);
  const kept = names.filter((name) => !ignored.has(name));
  if (kept.length === names.length && modified(path) > built) return true;
  return kept.some((name) => isNewer(join(path, name), built));
}

/** The packages beside the SDK. The packed server has none of them. */
const packages = readdirSync('packages').filter(
  (name) => modified(join('packages', name, 'package.json')) > 0,
);

const built =
  packages.every((name) => modified(join('packages', name, 'dist/cjs/index.js'))) &&
  modified('dist/bundle/main.js') &&
  modified('packages/sdk/dist/cjs/index.js') &&
  modified('dist/console/index.html') &&
  modified(stamp);
if (sources.some((path) => isNewer(path, built))) {
  const parent = process.ppid;
  process.stderr.write('Building …\n');
  const { status } = spawnSync('npm run build --silent', { stdio: ['ignore', 2, 2], shell: true });
  if (status !== 0) {
    rmSync(stamp, { force: true });
    process.exit(status ?? 1);
  }
  utimesSync(stamp, new Date(), new Date());
  // Whoever stopped npm meanwhile has ended the shell alone.
  if (process.ppid !== parent) process.exit(1);
}
