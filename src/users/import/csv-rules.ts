import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { type Amount, readAmount } from '../../amount.ts';
import { DomainError, invalidInput } from '../../errors.ts';
import { parseExactJson } from '../../exact-json.ts';
import { Id, Line, Metadata, parse } from '../../input.ts';
import { PackageIds } from '../../subscriptions/rules.ts';

const maxRows = 10_000;

/** The columns of a file of users, in the order of an export. An import may have any order. */
const columns = ['id', 'email', 'name', 'billingId', 'metadata'] as const;
const allColumns = [...columns, 'packages', 'usage:<featureId>'];
/** The name of a column of opening usage. */
const usageColumn = /^\s*usage\s*:\s*(.+?)\s*$/i;

/** What a column says: a fact about the user, packages to subscribe to, or the opening usage of a feature. */
type Column = (typeof columns)[number] | 'packages' | { featureId: string };

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

/** What was used of a feature before the import, elsewhere. */
export interface OpeningUsage {
  featureId: string;
  amount: Amount;
}

/** What the user of a row has besides facts. */
export interface Belongings {
  /** The packages to be subscribed to. */
  packageIds: string[];
  usage: OpeningUsage[];
}

/** One row, with the line on which it starts. An error in place of the facts concerns only this row. */
export interface Row {
  line: number;
  facts: Facts | DomainError;
  /** Undefined if the row brings none. */
  belongings?: Belongings | undefined;
}

/** A record of a file, as it is parsed. */
export interface CsvRecord {
  record: string[];
  info: { lines: number };
}

/** The text of a file as it is parsed: without a byte order mark, and with one kind of line endings. */
export const plainText = (csv: string): string => csv.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');

export const parserOptions = (text: string) => ({
  delimiter: delimiterOf(text),
  info: true,
  record_delimiter: '\n',
  relax_column_count: true,
  skip_empty_lines: true,
  skip_records_with_empty_values: true,
});

/** What a parsed file holds. @throws ValidationError if the header or the length is not allowed */
export function readFile([first, ...records]: readonly CsvRecord[]) {
  if (first === undefined) throw invalidInput('csv', `must begin with a header, such as "${columns.join()}"`);
  const header = readHeader(first.record);
  if (records.length > maxRows) throw invalidInput('csv', `must hold at most ${maxRows} rows`);
  const readRow = ({ record, info }: CsvRecord): Row => ({
    line: info.lines - countLineBreaks(record),
    ...readCells(header, record),
  });
  return { records, readRow };
}

const countLineBreaks = (record: readonly string[]) => record.join('').split('\n').length - 1;

/** The delimiter in the header. Excel writes semicolons or tabs in most of Europe. */
const delimiterOf = (text: string) => /[,;\t]/.exec(text.trimStart().split('\n', 1)[0] ?? '')?.[0] ?? ',';

/** Column names are matched without case, spaces, hyphens and underscores: "Billing ID" is billingId. */
function readHeader(names: readonly string[]): Column[] {
  const plain = (name: string) => name.replace(/[\s_-]/g, '').toLowerCase();
  const own = (name: string) => usageColumn.exec(name)?.[1] ?? null;
  const keyOf = (name: string) => (own(name) === null ? plain(name) : `usage:${own(name)}`);
  return names.map((name, index) => {
    if (names.findIndex((each) => keyOf(each) === keyOf(name)) !== index)
      throw invalidInput('csv', `has the column "${name}" twice`);
    const featureId = own(name);
    if (featureId !== null) return { featureId: parse(Id, featureId, 'csv') };
    if (plain(name) === 'packages') return 'packages';
    const column = columns.find((each) => each.toLowerCase() === plain(name));
    if (column === undefined)
      throw invalidInput('csv', `has an unknown column "${name}"; there are ${allColumns.join(', ')}`);
    return column;
  });
}

function readCells(header: readonly Column[], record: readonly string[]): Omit<Row, 'line'> {
  if (record.length > header.length) {
    const problem = `has ${record.length} cells, but the header names ${header.length} columns`;
    return { facts: invalidInput('row', problem) };
  }
  const cells = header
    .map((column, index) => [column, unguarded(record[index] ?? '')] as const)
    .filter(([, cell]) => cell !== '');
  try {
    const facts = cells.filter(([column]) => columns.some((name) => name === column));
    return { facts: parse(Facts, Object.fromEntries(facts), 'row'), belongings: readBelongings(cells) };
  } catch (error) {
    if (error instanceof DomainError) return { facts: error };
    throw error;
  }
}

function readBelongings(cells: readonly (readonly [Column, string])[]): Belongings | undefined {
  const packages = cells.find(([column]) => column === 'packages')?.[1].trim() ?? '';
  const packageIds = packages === '' ? [] : parse(PackageIds, packages.split(/\s+/), 'row.packages');
  const usage = cells.flatMap(([column, cell]) =>
    typeof column === 'string' ? [] : [readUsage(column.featureId, cell)],
  );
  return packageIds.length + usage.length === 0 ? undefined : { packageIds, usage };
}

function readUsage(featureId: string, cell: string): OpeningUsage {
  const amount = readAmount(cell.trim());
  if (amount === null || amount < 0n)
    throw invalidInput(`row.usage:${featureId}`, 'must be an amount of 0 or more, such as 12.5');
  return { featureId, amount };
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
