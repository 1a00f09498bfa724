import { ensureBuilt } from './process.ts';
import startPostgres from './start-postgres.ts';

/** Before all tests in a browser: everything is built once, if it is not, and by no test meanwhile. */
// biome-ignore lint/style/noDefaultExport: Jest asks for it
export default async function startE2e(): Promise<void> {
  await ensureBuilt();
  await startPostgres();
}
