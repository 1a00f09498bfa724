import { removeWorker } from './catalogue-worker.ts';

/** After all tests, whether they passed or failed. */
// biome-ignore lint/style/noDefaultExport: Jest asks for it
export default async function stopPostgres(): Promise<void> {
  removeWorker();
  await globalThis.testServer?.stop();
}
