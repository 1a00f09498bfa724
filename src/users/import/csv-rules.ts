import { CsvError, parse as parseCsv } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { DomainError, invalidInput } from '../../errors.ts';
import { parseExactJson } from '../../exact-json.ts';
import { Id, Line, Metadata, parse } from '../../input.ts';

const maxRows = 10_000;

/** The columns of a file of users, in the order of an export. An import may have any order. */
const columns = ['id', 'email', 'name', 'billingId', 'metadata'] as const;
type Column = (typeof columns)[number];

/** The values of a row. Empty cells are omitted; metadata is a JSON object or null. */
const Facts = z.object({
  id: Id.optional(),
  email: Line.optional(),
  name: Line.optional(),
  billingId: Line.optional(),
  metadata: z
    .string()
    .transform((text, check) => {
      try {
        return parseExactJson(text);
      } catch {
        check.addIssue({ code: 'custom', message: 'must be a JSON object' });
        return z.NEVER;
      }
    })
    .pipe(Metadata.nullable())
    .optional(),
});

export type Facts = z.output<typeof Facts>;

/** One row, with the line on which it starts. An error in place of the facts concerns only this row. */
export interface Row {
  line: number;
  facts: Facts | DomainError;
}

/**
 * Parses a file of users: a header, then one row for each user. A byte order mark, all line endings, quoted cells and
 * empty rows are allowed. An error in the syntax or the header concerns the whole file.
 *
 * @throws ValidationError
 */
export function readRows(csv: string): Row[] {
  const [first, ...records] = readRecords(csv);
  if (first === undefined) throw invalidInput('csv', `must begin with a header, such as "${columns.join()}"`);
  const header = readHeader(first.record);
  if (records.length > maxRows) throw invalidInput('csv', `must hold at most ${maxRows} rows`);
  return records.map(({ record, info }) => ({
    line: info.lines - countLineBreaks(record),
    facts: readFacts(header, record),
  }));
}

interface CsvRecord {
  record: string[];
  info: { lines: number };
}

function readRecords(csv: string): CsvRecord[] {
  try {
    const text = csv.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
    return parseCsv(text, {
      delimiter: delimiterOf(text),
      info: true,
      record_delimiter: '\n',
      relax_column_count: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
    }) as unknown as CsvRecord[];
  } catch (error) {
    if (error instanceof CsvError) throw invalidInput('csv', `cannot be read: ${error.message}`);
    throw error;
  }
}

const countLineBreaks = (record: readonly string[]) => record.join('').split('\n').length - 1;

/** The delimiter in the header. Excel writes semicolons or tabs in most of Europe. */
const delimiterOf = (text: string) => /[,;\t]/.exec(text.trimStart().split('\n', 1)[0] ?? '')?.[0] ?? ',';

/** Column names are matched without case, spaces, hyphens and underscores: "Billing ID" is billingId. */
function readHeader(names: readonly string[]): Column[] {
  const plain = (name: string) => name.replace(/[\s_-]/g, '').toLowerCase();
  return names.map((name, index) => {
    const column = columns.find((each) => each.toLowerCase() === plain(name));
    if (column === undefined)
      throw invalidInput('csv', `has an unknown column "${name}"; there are ${columns.join(', ')}`);
    if (names.findIndex((each) => plain(each) === plain(name)) !== index)
      throw invalidInput('csv', `has the column "${name}" twice`);
    return column;
  });
}

function readFacts(header: readonly Column[], record: readonly string[]): Facts | DomainError {
  if (record.length > header.length) {
    return invalidInput('row', `has ${record.length} cells, but the header names ${header.length} columns`);
  }
  const cells = header.map((column, index) => [column, unguarded(record[index] ?? '')] as const);
  try {
    return parse(Facts, Object.fromEntries(cells.filter(([, cell]) => cell !== '')), 'row');
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
}

/** A user in an export. */
export interface ExportedUser {
  id: string;
  email: string | null;
  name: string | null;
  billingId: string | null;
  metadata: unknown;
}

/** The header of a file of users. */
export const headerLine = stringify([[...columns]]);

/**
 * Writes a user as a row for readRows. Importing an export into an empty environment restores ids and fields, except that
 * no user counts as imported and empty texts become null.
 */
export function writeRow({ metadata, ...texts }: ExportedUser): string {
  const cells = columns.flatMap((column) => (column === 'metadata' ? [] : [guarded(texts[column] ?? '')]));
  return stringify([[...cells, JSON.stringify(metadata)]]);
}

/*
 * A spreadsheet interprets a cell that starts with one of these as a formula, and names are untrusted input. An export
 * adds an apostrophe before such a cell; an import removes it.
 */
const formula = /^'*[=+\-@＝＋－＠]/;
const guarded = (cell: string) => (formula.test(cell) ? `'${cell}` : cell);
const unguarded = (cell: string) => (cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell);
