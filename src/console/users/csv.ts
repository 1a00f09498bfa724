/** The most that one call carries, in characters; a request may hold 1 MiB. */
const maxPart = 500_000;

/**
 * Cuts a file of users into parts that one call can carry, each with the header. Rows are kept whole, also those
 * with line ends between quotes.
 *
 * @returns each part, and the number of lines of the file before its first row, the header left out
 */
export function splitCsv(text: string): { csv: string; linesBefore: number }[] {
  const [header = '', ...rows] = rowsOf(text);
  const parts: { csv: string; linesBefore: number }[] = [];
  let lines = 0;
  for (const row of rows) {
    const last = parts.at(-1);
    if (last === undefined || last.csv.length + row.length > maxPart)
      parts.push({ csv: `${header}${row}`, linesBefore: lines });
    else last.csv += row;
    lines += row.split('\n').length - 1;
  }
  return parts;
}

/** The rows, each with its line end. A line end between quotes is part of a row. */
function rowsOf(text: string): string[] {
  const rows: string[] = [];
  let row = '';
  for (const line of text.split(/(?<=\n)/)) {
    row += line;
    if ((row.match(/"/g)?.length ?? 0) % 2 === 1) continue;
    rows.push(row);
    row = '';
  }
  return row === '' ? rows : [...rows, row];
}
