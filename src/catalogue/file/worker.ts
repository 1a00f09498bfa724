import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import type { FileTask } from './files.ts';
import { parseJson } from './rules.ts';
import { readYaml, writeYaml } from './yaml-rules.ts';

// The worker thread. It does one task and ends: some hundred KiB of YAML take seconds. See files.ts.

/**
 * The event loop and PostgreSQL come first: beside one of them this thread gets a quarter of a core. Less would
 * not end before the deadline on a busy machine.
 */
const niceness = 5;
// On Linux this is about the thread, elsewhere about the whole process.
if (process.platform === 'linux') setPriority(niceness);

const task = workerData as FileTask;
parentPort?.postMessage(JSON.stringify(resultOf(task)));

function resultOf(task: FileTask): unknown {
  switch (task.kind) {
    case 'read':
      return readYaml(task.text);
    case 'parse':
      return parseJson(task.json);
    case 'write':
      return writeYaml(task.file, null);
  }
}
