// Builds packages/sdk twice, each with its types: as ES modules, and as CommonJS for those who require it.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const formats = {
  esm: { type: 'module', options: [] },
  cjs: {
    type: 'commonjs',
    options: ['--module', 'commonjs', '--moduleResolution', 'bundler', '--verbatimModuleSyntax', 'false'],
  },
};

const node = (...args) => {
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
};

/** Declarations keep the imports of their sources; older compilers do not find ".ts" there. */
function nameDeclarations(directory) {
  for (const file of readdirSync(directory, { recursive: true }).filter((name) => name.endsWith('.d.ts'))) {
    const path = join(directory, file);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/(from ['"]\.[^'"]+)\.ts(['"])/g, '$1.js$2'));
  }
}

node('scripts/generate-sdk.mjs');
rmSync('packages/sdk/dist', { recursive: true, force: true });
for (const [format, { type, options }] of Object.entries(formats)) {
  const directory = join('packages/sdk/dist', format);
  node('node_modules/typescript/bin/tsc', '-p', 'packages/sdk', '--outDir', directory, ...options);
  nameDeclarations(directory);
  writeFileSync(join(directory, 'package.json'), `{ "type": "${type}" }\n`);
}
