// CPU time of processes, as Linux tells it: of a busy machine's figures, the one that holds.
import { readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever its clock. */
const ticksPerSecond = 100;

/** The fields of a process from its state on: its name, which comes before, may hold spaces. */
function fieldsOf(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

export const parentOf = (pid) => Number(fieldsOf(pid)[1]);

/** The CPU time of a process so far in seconds, with that of children that have ended. */
export function cpuSeconds(pid) {
  const ticks = fieldsOf(pid).slice(11, 15);
  return ticks.reduce((sum, each) => sum + Number(each), 0) / ticksPerSecond;
}

/** The same with all children of the process. A child that ends meanwhile counts at its parent. */
export function cpuSecondsOfTree(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return children.reduce((sum, child) => sum + (secondsOrNone(child) ?? 0), cpuSeconds(pid));
}

function secondsOrNone(pid) {
  try {
    return cpuSeconds(pid);
  } catch {
    return undefined;
  }
}

export const canCount = process.platform === 'linux';
