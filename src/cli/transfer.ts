import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Facts, Proof } from '../backup/facts-rules.ts';
import { loadConfig } from '../config/config.ts';
import type { Lookups } from '../database/client.ts';
import { prove } from './findings.ts';
import { showProgress, showStep } from './progress.ts';

/**
 * Shows each table that is done: a bar on a terminal, a line in a log file. Sizes of tables are PostgreSQL's estimates.
 *
 * @param hasBar whether the tables have the bar; a backup that is read has its own
 */
export function reportTables({ tables }: Facts, { hasBar = true } = {}) {
  const total = tables.reduce((sum, { estimatedRows }) => sum + estimatedRows, 0);
  const show = showProgress('rows');
  let done = 0;
  return {
    onTable(name: string, rows: number) {
      done += rows;
      if (!process.stderr.isTTY) showStep(`${name}: ${rows} rows`);
      else if (hasBar) show(Math.min(done, total), total);
    },
    onStep: showStep,
    rows: () => done,
  };
}

export function proveWithProgress(db: Lookups): Promise<Proof> {
  return prove(db, showProgress('users'));
}

export const saidByVerify = ({ users, differences }: Proof): string =>
  `verify: ${users} users, ${differences} differences.`;

/** The file with the secret key, where no variable holds it. */
export function findKeyFile(): string | null {
  const { secretKey, databaseUrl, dataDir } = loadConfig();
  const path = join(resolve(dataDir), 'secret-key');
  return secretKey === undefined && databaseUrl === undefined && existsSync(path) ? path : null;
}
