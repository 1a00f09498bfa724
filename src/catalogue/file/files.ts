import { Worker } from 'node:worker_threads';
import { invalidInput } from '../../errors.ts';
import type { ConfigurationFile } from './writing-rules.ts';
import type { readYaml } from './yaml-rules.ts';

/** What the worker is asked for. It answers the result as JSON. */
export type FileTask = { kind: 'read'; text: string } | { kind: 'write'; file: ConfigurationFile };

/** Reads and writes catalogue files as YAML, in a thread of their own: meanwhile the process answers others. */
export interface CatalogueFiles {
  /** @throws ValidationError if the file takes too long, or too much memory */
  read(text: string): Promise<ReturnType<typeof readYaml>>;
  write(file: ConfigurationFile): Promise<string>;
}

/** One file may take so long, and so much memory. */
const timeoutMs = 30_000;
const maxHeapMiB = 256;

const builtWorker = new URL('./worker.js', import.meta.url);

/** @param worker the built worker, where it is not beside this file */
export function createCatalogueFiles(worker = builtWorker): CatalogueFiles {
  return {
    read: (text) => run(worker, { kind: 'read', text }),
    write: (file) => run(worker, { kind: 'write', file }),
  };
}

function run<Result>(entry: URL, task: FileTask): Promise<Result> {
  const worker = new Worker(entry, {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMiB },
    execArgv: [],
  });
  return new Promise<Result>((resolve, reject) => {
    const tooMuch = () => reject(invalidInput('yaml', 'is too much to read; make it smaller'));
    const timer = setTimeout(tooMuch, timeoutMs);
    worker.once('message', (json: string) => resolve(JSON.parse(json)));
    worker.once('error', (error: Error & { code?: string }) =>
      error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? tooMuch() : reject(error),
    );
    worker.once('exit', () => reject(new Error('the worker of a catalogue file ended without an answer')));
    worker.once('exit', () => clearTimeout(timer));
  }).finally(() => worker.terminate());
}
