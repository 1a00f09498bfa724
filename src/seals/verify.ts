import type { Lookups } from '../database/client.ts';
import { type Broken, brokenBy, type Log, logs, type Seal } from './rules.ts';
import { findSealedRows, findSeals } from './store.ts';

const sealsAtATime = 100;

/** The first seal of a log that does not hold. */
export interface BrokenSeal {
  seal: Seal;
  by: Broken;
}

/** The first broken seal of each log; it may run on a live database. */
export async function verifySeals(pool: Lookups): Promise<BrokenSeal[]> {
  const broken: BrokenSeal[] = [];
  for (const log of logs) {
    const first = await findBroken(pool, log);
    if (first !== null) broken.push(first);
  }
  return broken;
}

async function findBroken(pool: Lookups, log: Log): Promise<BrokenSeal | null> {
  let previous: Seal | null = null;
  let seals = await findSeals(pool, log, 0, sealsAtATime);
  while (seals.length > 0) {
    for (const seal of seals) {
      const by = brokenBy(seal, previous, await findSealedRows(pool, seal));
      if (by !== null) return { seal, by };
      previous = seal;
    }
    seals = await findSeals(pool, log, previous?.number ?? 0, sealsAtATime);
  }
  return null;
}
