const barWidth = 30;

/** Redraws one line on a terminal. A log file gets only what is printed beside it. */
export function showProgress(unit: string): (done: number, total: number) => void {
  return (done, total) => {
    if (!process.stderr.isTTY) return;
    const filled = total === 0 ? barWidth : Math.round((Math.min(done, total) / total) * barWidth);
    const bar = '='.repeat(filled).padEnd(barWidth);
    process.stderr.write(`\r[${bar}] ${done} of ${total} ${unit}${done >= total ? '\n' : ''}`);
  };
}

/** One line for each step, in a log file: a terminal has the bar. */
export function showStep(line: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}${line}\n`);
}
