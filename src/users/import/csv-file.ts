import { finished } from 'node:stream/promises';
import { CsvError, Parser } from 'csv-parse';
import { invalidInput } from '../../errors.ts';
import { loopTurn, mapInSlices } from '../../slices.ts';
import { type CsvRecord, parserOptions, plainText, type Row, readFile } from './csv-rules.ts';

/** How many bytes are parsed at once. */
const pieceLength = 32 * 1024;

/**
 * Parses a file of users: a header, then one row for each user. A byte order mark, all line endings, quoted cells and
 * empty rows are allowed. An error in the syntax or the header concerns the whole file. A large file is read in slices.
 *
 * @param owner see loopTurn
 * @throws ValidationError
 */
export async function readRows(csv: string, owner?: string): Promise<Row[]> {
  const { records, readRow } = readFile(await readRecords(plainText(csv), owner));
  return mapInSlices(records, readRow, owner);
}

async function readRecords(text: string, owner?: string): Promise<CsvRecord[]> {
  const records: CsvRecord[] = [];
  const bytes = Buffer.from(text);
  const parser = new Parser(parserOptions(text));
  parser.on('data', (record: CsvRecord) => records.push(record));
  const ended = finished(parser);
  // The error is thrown below.
  ended.catch(() => undefined);
  for (let from = 0; from < bytes.length && !parser.destroyed; from += pieceLength) {
    if (from > 0) await loopTurn(owner);
    parser.write(bytes.subarray(from, from + pieceLength));
  }
  if (!parser.destroyed) parser.end();
  try {
    await ended;
    return records;
  } catch (error) {
    if (error instanceof CsvError) throw invalidInput('csv', `cannot be read: ${error.message}`);
    throw error;
  }
}
