import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, rmSync } from 'node:fs';
import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { StartupError } from '../errors.ts';
import { Facts, jobsName, Proof } from './facts-rules.ts';
import type { Snapshot } from './snapshot-store.ts';

/*
 * A backup is a gzipped text. A line of JSON says what it is and what the tables are. For each table follow its name,
 * its rows in PostgreSQL's text form for COPY, and the line that ends them there, `\.`, which no row can be. The last
 * line holds what `verify` said, and the hash of all before it.
 */

const Head = z.object({ openKanaBackup: z.literal(1), facts: Facts });
const TableLine = z.object({ table: z.string() });
const TailLine = z.object({ proof: Proof, sha256: z.string() });

const endOfRows = Buffer.from('\\.\n');
const newline = 10;
/** Of a line of JSON: enough for thousands of tables. */
const maxLineBytes = 16 * 1024 * 1024;

/** Of what is compressed at a time. */
const chunkSize = 256 * 1024;

/** What a full or broken disk says, a quota, and a limit for files. */
const fileFaults = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EROFS']);

const lineOf = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

interface WriteOptions {
  /** Told after each table. */
  onTable?: (name: string, rows: number) => void;
}

/** Writes a new file, for its owner alone. It gets its name when it is whole and on disk. */
export async function writeBackup(
  path: string,
  snapshot: Snapshot,
  options: WriteOptions = {},
): Promise<Proof> {
  if (existsSync(path)) throw new StartupError(`${path} exists: name a new file.`);
  const draft = `${path}.partial`;
  await rm(draft, { force: true });
  const file = await open(draft, 'wx', 0o600).catch((error) => {
    throw new StartupError(`${path} cannot be written: ${error.message}.`);
  });
  const discard = () => rmSync(draft, { force: true });
  process.once('exit', discard); // The command may be interrupted.
  try {
    await pipeline(contentOf(snapshot, options), createGzip({ chunkSize }), (bytes) =>
      writeFile(file, bytes),
    );
    await file.sync();
  } catch (error) {
    discard();
    if (fileFaults.has((error as NodeJS.ErrnoException).code ?? ''))
      throw new StartupError(
        `${path} cannot be written: ${(error as Error).message}. Nothing is left of it.`,
      );
    throw error;
  } finally {
    process.off('exit', discard);
    await file.close();
  }
  await rename(draft, path);
  await syncDirectory(dirname(path));
  return snapshot.proof();
}

/** So that the name is on disk too. Windows cannot open a directory. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path).catch(() => null);
  await directory?.sync().catch(() => undefined);
  await directory?.close();
}

async function* contentOf(snapshot: Snapshot, { onTable }: WriteOptions): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const hashed = (bytes: Uint8Array) => {
    hash.update(bytes);
    return bytes;
  };
  yield hashed(lineOf({ openKanaBackup: 1, facts: snapshot.facts }));
  for await (const { name, rows } of snapshot.tables()) {
    yield hashed(lineOf({ table: name }));
    let count = 0;
    for await (const chunk of rows) {
      count += countLines(chunk);
      yield hashed(chunk);
    }
    yield hashed(endOfRows);
    onTable?.(name, count);
  }
  const proof = await snapshot.proof();
  hash.update(JSON.stringify(proof));
  yield lineOf({ proof, sha256: hash.digest('hex') });
}

/** A row is a line: its own line breaks are escaped. */
function countLines(chunk: Uint8Array): number {
  let count = 0;
  for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) count += 1;
  return count;
}

interface OpenOptions {
  onProgress?: (done: number, total: number) => void;
}

/** Opens a backup for one reading. @throws StartupError if it is none, or is cut off or damaged */
export async function openBackup(path: string, { onProgress }: OpenOptions = {}): Promise<Snapshot> {
  const { size } = await stat(path).catch((error) => {
    throw new StartupError(`${path} cannot be read: ${error.message}.`);
  });
  const file = createReadStream(path);
  const text = createGunzip({ chunkSize });
  file.on('error', (error) => text.destroy(error));
  file.pipe(text);
  const reader = createReader(path, text, () => onProgress?.(file.bytesRead, size));
  let proof: Proof | undefined;
  const close = async () => {
    file.destroy();
    text.destroy();
  };
  try {
    const head = Head.safeParse(await reader.json().catch(() => undefined));
    if (!head.success) throw new StartupError(`${path} is not a backup of Open Kana, or is cut off.`);
    const { facts } = head.data;
    return {
      facts,
      async *tables() {
        for (const name of [...facts.tables.map((table) => table.name), jobsName]) {
          const line = TableLine.safeParse(await reader.json());
          if (line.data?.table !== name) throw damaged(path);
          yield { name, rows: reader.rows() };
        }
        proof = await reader.end();
      },
      async proof() {
        if (proof === undefined) throw damaged(path);
        return proof;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const damaged = (path: string) =>
  new StartupError(`${path} is cut off or was changed since it was written. Nothing was loaded.`);

interface Reader {
  /** The next line. Undefined if it is no JSON. */
  json(): Promise<unknown>;
  /** The rows up to the line that ends them. */
  rows(): AsyncGenerator<Uint8Array>;
  /** The last line, if the hash in it is that of all before it. */
  end(): Promise<Proof>;
}

function createReader(path: string, text: AsyncIterable<Buffer>, onChunk: () => void): Reader {
  const source = text[Symbol.asyncIterator]();
  const hash: Hash = createHash('sha256');
  let rest: Buffer = Buffer.alloc(0);

  /** Reads on. Returns false at the end. */
  async function more(): Promise<boolean> {
    const next = await source.next().catch((error) => {
      // Of zlib: no gzip at all, cut off, or changed.
      if (/^Z_/.test(error.code)) throw damaged(path);
      throw error;
    });
    if (next.done) return false;
    rest = rest.length === 0 ? next.value : Buffer.concat([rest, next.value]);
    onChunk();
    return true;
  }
  function take(length: number): Buffer {
    const taken = rest.subarray(0, length);
    rest = rest.subarray(length);
    return taken;
  }
  async function line(): Promise<Buffer> {
    for (;;) {
      const at = rest.indexOf(newline);
      if (at !== -1) return take(at + 1);
      if (rest.length > maxLineBytes || !(await more())) throw damaged(path);
    }
  }
  const parse = (bytes: Buffer): unknown => {
    try {
      return JSON.parse(bytes.toString());
    } catch {
      return undefined;
    }
  };
  return {
    async json() {
      const bytes = await line();
      hash.update(bytes);
      return parse(bytes);
    },
    async *rows() {
      let isLineStart = true;
      for (;;) {
        const end = findEnd(rest, isLineStart);
        // The last bytes may be the beginning of the end.
        const chunk = take(end === -1 ? Math.max(rest.length - endOfRows.length, 0) : end);
        if (chunk.length > 0) {
          isLineStart = chunk.at(-1) === newline;
          hash.update(chunk);
          yield chunk;
        }
        if (end !== -1) {
          hash.update(take(endOfRows.length));
          return;
        }
        if (!(await more())) throw damaged(path);
      }
    },
    async end() {
      const { data } = TailLine.safeParse(parse(await line()));
      if (data === undefined || rest.length > 0 || (await more())) throw damaged(path);
      hash.update(JSON.stringify(data.proof));
      if (hash.digest('hex') !== data.sha256) throw damaged(path);
      return data.proof;
    },
  };
}

/** Where the line that ends the rows begins, or -1. */
function findEnd(bytes: Buffer, isLineStart: boolean): number {
  if (isLineStart && bytes.subarray(0, endOfRows.length).equals(endOfRows)) return 0;
  const before = bytes.indexOf('\n\\.\n');
  return before === -1 ? -1 : before + 1;
}
