import { buildConsole } from './build-console.ts';
import startPostgres from './start-postgres.ts';

/** Before all tests in a browser: the pages are built once. */
// biome-ignore lint/style/noDefaultExport: Jest asks for it
export default async function startE2e(): Promise<void> {
  buildConsole();
  await startPostgres();
}
