import '../start/environment.ts';
import { parseArgs } from 'node:util';
import type { ClientBase } from 'pg';
import {
  type Finding,
  findRepair,
  findUpgrade,
  findWrong,
  isKnownZone,
  repairWrong,
} from '../database/timestamp-repair-store.ts';
import { StartupError } from '../errors.ts';
import { calledAs } from './calls.ts';
import { runCommand, withDatabase } from './command.ts';

const call = calledAs('repair:timestamps');
const usage = `Usage:
  ${call} --zone Europe/Berlin            show the differences, and change nothing
  ${call} --zone Europe/Berlin --apply    and correct it
  --until 2026-11-28T12:00:00Z    when the last server of the earlier version ended; by default the upgrade`;

interface Options {
  zone: string;
  until: Date | null;
  apply: boolean;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        zone: { type: 'string' },
        until: { type: 'string' },
        apply: { type: 'boolean', default: false },
      },
    });
    const { zone, until, apply } = values;
    if (zone === undefined || (until !== undefined && !/T.*(Z|[+-]\d\d:?\d\d)$/.test(until))) throw usage;
    const instant = until === undefined ? null : new Date(until);
    if (Number.isNaN(instant?.getTime())) throw usage;
    return { zone, until: instant, apply };
  } catch {
    throw new StartupError(usage);
  }
}

const lineOf = ({ environmentId, column, wrong, unclear }: Finding) =>
  `${environmentId}  ${column}  ${wrong} wrong${unclear > 0 ? `, ${unclear} unclear (left as they are)` : ''}`;

async function repair(db: ClientBase, { zone, until, apply }: Options): Promise<string[]> {
  if (!(await isKnownZone(db, zone))) throw new StartupError(`PostgreSQL knows no time zone ${zone}.`);
  const repairedAt = await findRepair(db);
  if (repairedAt !== null)
    throw new StartupError(`The timestamps were repaired at ${repairedAt.toISOString()}, and are right.`);
  const period = { zone, until: until ?? (await findUpgrade(db)) };
  const findings = await findWrong(db, period);
  const lines = [`Values before ${period.until.toISOString()}, written in ${zone}:`, ...findings.map(lineOf)];
  if (findings.length === 0) return [...lines, 'Nothing is wrong.'];
  if (!apply) return [...lines, 'Nothing is changed: add --apply to correct them.'];
  await repairWrong(db, period, findings);
  return [...lines, 'Corrected.'];
}

await runCommand(async () => {
  const options = readOptions();
  await withDatabase(async ({ work }) => {
    const session = await work.connect();
    try {
      await session.query('begin isolation level repeatable read');
      const lines = await repair(session, options);
      await session.query('commit');
      process.stdout.write(`${lines.join('\n')}\n`);
    } catch (error) {
      await session.query('rollback');
      throw error;
    } finally {
      session.release();
    }
  });
});
