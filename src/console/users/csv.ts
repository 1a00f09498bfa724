/** Maximum characters in one call; a request body may hold 1 MiB. */
const maxPart = 500_000;

/**
 * Splits a CSV file into parts that fit into one call, each with the header. Rows stay whole, also those
 * with line breaks inside quotes.
 *
 * @returns each part, and how many lines (without the header) come before it in the file
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

/** The rows with their line ends. A line break inside quotes belongs to the row. */
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
