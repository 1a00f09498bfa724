// Builds the folders of packages/, each twice with its types: as ES modules, and as CommonJS for those who require it.
// `node scripts/build-packages.mjs sdk` builds one of them.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const formats = {
  esm: { type: 'module', options: [] },
  cjs: {
    type: 'commonjs',
    options: ['--module', 'commonjs', '--moduleResolution', 'bundler', '--verbatimModuleSyntax', 'false'],
  },
};

async function node(...args) {
  try {
    await promisify(execFile)(process.execPath, args);
  } catch ({ stdout, stderr }) {
    process.stderr.write(stdout + stderr);
    process.exit(1);
  }
}

/** Declarations keep the imports of their sources; older compilers do not find ".ts" there. */
function nameDeclarations(directory) {
  for (const file of readdirSync(directory, { recursive: true }).filter((name) => name.endsWith('.d.ts'))) {
    const path = join(directory, file);
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace(/(from ['"]\.[^'"]+)\.tsx?(['"])/g, '$1.js$2'));
  }
}

async function build(name) {
  const root = join('packages', name);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  await Promise.all(
    Object.entries(formats).map(async ([format, { type, options }]) => {
      const directory = join(root, 'dist', format);
      await node('node_modules/typescript/bin/tsc', '-p', root, '--outDir', directory, ...options);
      nameDeclarations(directory);
      writeFileSync(join(directory, 'package.json'), `{ "type": "${type}" }\n`);
    }),
  );
}

await node('scripts/generate-sdk.mjs');
const known = readdirSync('packages').filter((name) => existsSync(join('packages', name, 'package.json')));
const [only] = process.argv.slice(2);
// The SDK first: others import it.
await build('sdk');
for (const name of known) if (name !== 'sdk' && (only ?? name) === name) await build(name);
