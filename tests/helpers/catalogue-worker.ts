import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const outfile = join(tmpdir(), `open-kana-test-worker-${process.pid}.mjs`);

/** Node 20 runs no TypeScript in a thread: the worker of catalogue files is built once for all tests. */
export function buildWorker(): void {
  buildSync({
    entryPoints: ['src/catalogue/file/worker.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
  process.env.TEST_CATALOGUE_WORKER = outfile;
}

export const removeWorker = () => rmSync(outfile, { force: true });
