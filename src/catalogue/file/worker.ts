import { parentPort, workerData } from 'node:worker_threads';
import type { FileTask } from './files.ts';
import { readYaml, writeYaml } from './yaml-rules.ts';

// The worker thread. It does one task and ends: some hundred KiB of YAML take seconds. See files.ts.

const task = workerData as FileTask;
const result = task.kind === 'read' ? readYaml(task.text) : writeYaml(task.file, null);
parentPort?.postMessage(JSON.stringify(result));
