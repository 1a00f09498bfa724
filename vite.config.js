import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

const outDir = resolve('dist/console');

/** Leaves each file compressed beside itself, so that the server has nothing to compress. */
const compressed = {
  name: 'compressed',
  closeBundle() {
    const names = readdirSync(outDir, { recursive: true });
    for (const name of names.filter((each) => /\.(html|js|css|svg)$/.test(each))) {
      const path = join(outDir, name);
      const content = readFileSync(path);
      writeFileSync(
        `${path}.br`,
        brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
      );
      writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
    }
  },
};

// Whoever builds, tests included, gets what customers get, and not React with its aids for development.
if (process.argv.includes('build')) process.env.NODE_ENV = 'production';

export default defineConfig({
  root: 'src/console',
  plugins: [compressed],
  // The page names its files from the root, where the server inserts BASE_PATH. Scripts and styles find each other
  // relative to themselves, at whatever path.
  experimental: {
    renderBuiltUrl: (_name, { hostType }) => (hostType === 'html' ? undefined : { relative: true }),
  },
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    // The marks of server components mean nothing here.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
  // While working on the console: `npm start` in one terminal, `npx vite` in another.
  server: { proxy: { '/graphql': 'http://127.0.0.1:4000', '/console/session': 'http://127.0.0.1:4000' } },
});
