// Generates the Prisma client. `prisma generate` insists on a schema engine that it never runs and
// would download; naming any executable in its place keeps the step inside the npm registry.
// The variable is set for this step alone: with it, `prisma migrate deploy` would do nothing.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, resolve } from 'node:path';

const prisma = createRequire(import.meta.url).resolve('prisma/build/index.js');
try {
  execFileSync(process.execPath, [prisma, 'generate'], {
    env: {
      ...process.env,
      PATH: [resolve('node_modules/.bin'), process.env.PATH].join(delimiter),
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
} catch (error) {
  process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? error}\n`);
  process.exit(1);
}
