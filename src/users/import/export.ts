import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Db } from '../../database/client.ts';
import { invalidInput } from '../../errors.ts';
import { writeRow } from './csv-rules.ts';
import { findPage } from './store.ts';

/** How long one file may be, in characters. */
const maxMiB = 16;
const maxLength = maxMiB * 1024 * 1024;
/** About as much of a file is made before other requests have their turn. */
const pageLength = 256 * 1024;
const firstPage = 20;
const largestPage = 500;

/**
 * The rows of a file of users, at most `take`, of those after `last`. Users are read in pages of a bounded length, and a
 * file that becomes too long is given up at once.
 *
 * @throws ValidationError
 */
export async function exportRows(
  db: Db,
  environmentId: string,
  { take, last }: { take: number; last: { id: string | bigint; createdAt: Date } | null },
): Promise<string[]> {
  const rows: string[] = [];
  let after = last;
  let length = 0;
  let size = firstPage;
  while (rows.length < take) {
    const asked = Math.min(size, take - rows.length);
    const users = await findPage(db, environmentId, { take: asked, last: after });
    const page = users.map(writeRow);
    const pageTotal = page.reduce((sum, row) => sum + row.length, 0);
    length += pageTotal;
    if (length > maxLength)
      throw invalidInput('first', `the file is longer than ${maxMiB} MiB; ask for fewer users at once`);
    rows.push(...page);
    if (users.length < asked) break;
    after = users.at(-1) ?? null;
    size = Math.max(1, Math.min(largestPage, Math.floor((asked * pageLength) / pageTotal)));
    await nextTurn();
  }
  return rows;
}
