import { execFileSync } from 'node:child_process';

/** Builds the console's pages, as `npm run build` does, from the operations that `npm test` has typed. */
export function buildConsole(): void {
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--logLevel', 'silent'];
  execFileSync(process.execPath, vite, { env: { ...process.env, NODE_ENV: 'production' } });
}
