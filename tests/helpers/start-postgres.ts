import { buildWorker } from './catalogue-worker.ts';
import { keepFilesInMemory } from './memory-files.ts';
import { startTestServer, type TestServer } from './server.ts';

declare global {
  var testServer: TestServer | undefined;
}

/** Before all tests; the global is how Jest hands it to stop-postgres.ts. */
// biome-ignore lint/style/noDefaultExport: Jest asks for it
export default async function startPostgres(): Promise<void> {
  keepFilesInMemory();
  buildWorker();
  globalThis.testServer = await startTestServer();
}
