import { Worker } from 'node:worker_threads';
import { invalidInput } from '../../errors.ts';
import type { parseJson } from './rules.ts';
import type { CatalogueFile } from './writing-rules.ts';
import type { readYaml } from './yaml-rules.ts';

/** A task of the worker. It returns the result as JSON. */
export type FileTask =
  | { kind: 'read'; text: string }
  | { kind: 'parse'; json: string }
  | { kind: 'write'; file: CatalogueFile };

/** Reads and writes catalogue files in a worker thread, so that the event loop stays free. */
export interface CatalogueFiles {
  /** @throws ValidationError if the file needs too much time or memory */
  read(text: string): Promise<ReturnType<typeof readYaml>>;
  /** Reads a file of JSON; see parseJson. */
  parse(json: string): Promise<ReturnType<typeof parseJson>>;
  write(file: CatalogueFile): Promise<string>;
}

/** The limits for one file. */
const timeoutMs = 60_000;
const maxHeapMiB = 256;

const tooLarge = 'is too large to process; make it smaller';
const tooSlow = 'took too long to process; make it smaller, or try again when the server is less busy';

const builtWorker = new URL('./worker.js', import.meta.url);

/** @param worker the built worker, if it is not beside this file */
export function createCatalogueFiles(worker = builtWorker): CatalogueFiles {
  return {
    read: (text) => run(worker, { kind: 'read', text }),
    parse: (json) => run(worker, { kind: 'parse', json }),
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
    const refuse = (why: string) => reject(invalidInput('yaml', why));
    const timer = setTimeout(refuse, timeoutMs, tooSlow);
    worker.once('message', (json: string) => resolve(JSON.parse(json)));
    worker.once('error', (error: Error & { code?: string }) =>
      error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? refuse(tooLarge) : reject(error),
    );
    worker.once('exit', () => reject(new Error('the worker of a catalogue file ended without a result')));
    worker.once('exit', () => clearTimeout(timer));
  }).finally(() => worker.terminate());
}
