import type { Db } from '../../database/client.ts';
import { invalidInput } from '../../errors.ts';
import { loopTurn, mapInSlices } from '../../slices.ts';
import { writeRow } from './csv-rules.ts';
import { findPage } from './store.ts';

/** The maximum size of a file, in Mi characters. */
const maxMiB = 16;
const maxLength = maxMiB * 1024 * 1024;
/** The target length of a page. Other requests get the event loop between pages. */
const pageLength = 256 * 1024;
const firstPageUsers = 20;
const maxPageUsers = 500;

interface ExportPage {
  take: number;
  last: { id: string | bigint; createdAt: Date } | null;
  /** Only these users; null for all. */
  ids?: readonly string[] | null;
}

/** A row of the file. */
interface ExportedRow {
  line: string;
  createdAt: Date;
}

/**
 * Returns at most `take` CSV rows of the users after `last`. Reads users in pages of bounded length.
 *
 * @throws ValidationError as soon as the file is too long
 */
export async function exportRows(
  db: Db,
  environmentId: string,
  { take, last, ids = null }: ExportPage,
): Promise<ExportedRow[]> {
  const rows: ExportedRow[] = [];
  let after = last;
  let length = 0;
  let size = firstPageUsers;
  while (rows.length < take) {
    const asked = Math.min(size, take - rows.length);
    const users = await findPage(db, environmentId, { take: asked, last: after, ids });
    const page = await mapInSlices(
      users,
      (user) => ({ line: writeRow(user), createdAt: user.createdAt }),
      environmentId,
    );
    const pageTotal = page.reduce((sum, { line }) => sum + line.length, 0);
    length += pageTotal;
    if (length > maxLength)
      throw invalidInput('first', `the file is longer than ${maxMiB} MiB; ask for fewer users at once`);
    rows.push(...page);
    if (users.length < asked) break;
    after = users.at(-1) ?? null;
    size = Math.max(1, Math.min(maxPageUsers, Math.floor((asked * pageLength) / pageTotal)));
    await loopTurn(environmentId);
  }
  return rows;
}
