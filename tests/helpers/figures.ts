/** The figures as Prometheus would read them: by name and labels. Throws at a line that it could not read. */
export function parseFigures(text: string): Map<string, number> {
  const label = '[a-zA-Z_]\\w*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
  const line = new RegExp(
    `^([a-zA-Z_:][\\w:]*(?:\\{${label}(?:,${label})*\\})?) (Na[Nn]|[+-]Inf|-?[\\d.e+-]+)$`,
  );
  const figures = new Map<string, number>();
  if (!text.endsWith('\n')) throw new Error('The last line is not whole.');
  for (const each of text.trimEnd().split('\n')) {
    if (each === '' || /^# (HELP|TYPE) [a-zA-Z_:]\w* ./.test(each)) continue;
    const [, name = '', value = ''] = line.exec(each) ?? [];
    if (name === '' || figures.has(name)) throw new Error(`Prometheus cannot read: ${each}`);
    figures.set(name, Number(value.replace('Inf', 'Infinity')));
  }
  return figures;
}
