import { randomUUID } from 'node:crypto';
import { note } from '../../audit/record.ts';
import type { Author, Fields } from '../../audit/rules.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { DomainError, importConflict, userAlreadyExists } from '../../errors.ts';
import { type AdmitUsers, claimUser } from '../change.ts';
import { mergeUsers } from '../merge/merge.ts';
import { batches, batchSize } from './batch-rules.ts';
import { type Row, readRows } from './csv-rules.ts';
import { planImport, type Step } from './plan-rules.ts';
import { changeUser, findKnown, insertUsers } from './store.ts';

/** What became of one row. */
export interface ImportedRow {
  line: number;
  outcome: Step['outcome'];
  /** The user whom the row is about; null when it failed. */
  userKey: bigint | null;
  /** Why it failed; null when it did not. */
  error: DomainError | null;
}

/** Who imports, in the author's environment, and the ways to it. */
interface Place {
  prisma: PrismaClient;
  admitUsers: AdmitUsers;
  author: Author;
  /** Why the file is imported, in words. */
  note?: string | null;
}

type Creation = Extract<Step, { outcome: 'CREATED' }>;
type Claim = Extract<Step, { outcome: 'CLAIMED' }>;
type Change = Exclude<Step, Creation | Claim>;

/** How many changes are made side by side: no two are about the same user. */
const changesAtOnce = 5;
/** How many imported users are given their ids by one transaction. */
const claimsAtOnce = 50;

const changedMeanwhile = importConflict(
  'The user was changed by someone else at the same moment: import the row again.',
);

/**
 * Imports a file of users; see readRows, matchRow and planImport. Each row succeeds or fails alone. Users are made
 * a millisecond apart, so that lists keep the order of the file.
 *
 * The audit log learns of the file as a whole: what is about to be done before anything is, and what came of it
 * afterwards. So even of an import that a crash has cut short there is a trace.
 *
 * @throws ValidationError when the file cannot be read, and then nothing is imported
 */
export async function importUsers(place: Place, csv: string): Promise<ImportedRow[]> {
  const rows = readRows(csv);
  const steps = await plan(place, rows);
  const claims = steps.filter((step) => step.outcome === 'CLAIMED');
  const creations = steps.filter((step) => step.outcome === 'CREATED');
  const changes = steps.filter((step) => step.outcome !== 'CLAIMED' && step.outcome !== 'CREATED');

  const log = await announce(place, steps);
  const results: ImportedRow[] = [];
  for (const group of batches(changes, changesAtOnce))
    results.push(...(await Promise.all(group.map((step) => makeChange(place, step)))));
  for (const group of batches(claims, claimsAtOnce)) results.push(...(await claimUsers(place, group)));
  results.push(...(await createUsers(place, creations)));
  await log(results);
  return results.sort((a, b) => a.line - b.line);
}

/** Tells the audit log what is planned, if it is anything; answers how to tell it what was done. */
async function announce({ prisma, author, note: why }: Place, steps: readonly Step[]) {
  const changesNothing = steps.every(({ outcome }) => outcome === 'UNCHANGED' || outcome === 'FAILED');
  if (changesNothing) return async () => undefined;
  const what = { action: 'importUsers', type: 'IMPORT', id: randomUUID() } as const;
  const tell = (state: string, rows: readonly Pick<Step, 'outcome'>[]) =>
    note(prisma, author, what, { state, ...counted(rows), ...(why ? { note: why } : {}) });
  await tell('BEGUN', steps);
  return (results: readonly ImportedRow[]) => tell('DONE', results);
}

/** How many rows came to each outcome, such as `{ created: 3, failed: 1 }`. */
function counted(rows: readonly Pick<Step, 'outcome'>[]): Fields {
  const counts: Record<string, number> = {};
  for (const { outcome } of rows) counts[outcome.toLowerCase()] = (counts[outcome.toLowerCase()] ?? 0) + 1;
  return counts;
}

async function plan({ prisma, author }: Place, rows: readonly Row[]): Promise<Step[]> {
  const readable = rows.flatMap(({ facts }) => (facts instanceof DomainError ? [] : facts));
  return planImport(rows, await findKnown(prisma, author.environmentId, readable));
}

const succeeded = ({ line, outcome }: Step, userKey: bigint): ImportedRow => ({
  line,
  outcome,
  userKey,
  error: null,
});
const failed = ({ line }: Step, error: DomainError): ImportedRow => ({
  line,
  outcome: 'FAILED',
  userKey: null,
  error,
});

async function makeChange(place: Place, step: Change): Promise<ImportedRow> {
  if (step.outcome === 'FAILED') return failed(step, step.error);
  if (step.outcome === 'UNCHANGED') return succeeded(step, step.key);
  const { prisma, author } = place;
  try {
    const key =
      step.outcome === 'UPDATED'
        ? step.key
        : await mergeUsers(prisma, author, [step.survivorId, step.otherId], step.survivorId);
    return (await changeUser(prisma, key, step.change))
      ? succeeded(step, key)
      : failed(step, changedMeanwhile);
  } catch (error) {
    if (error instanceof DomainError) return failed(step, error);
    throw error;
  }
}

/** Gives imported users their ids, all in one transaction; if one cannot be given, each in its own. */
async function claimUsers(place: Place, claims: readonly Claim[]): Promise<ImportedRow[]> {
  try {
    await claimAll(place, claims);
    return claims.map((step) => succeeded(step, step.key));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (claims.length === 1) return claims.map((step) => failed(step, error));
  }
  const rows: ImportedRow[] = [];
  for (const step of claims) rows.push(...(await claimUsers(place, [step])));
  return rows;
}

function claimAll({ admitUsers, author }: Place, claims: readonly Claim[]): Promise<void> {
  const ids = claims.map(({ id }) => id);
  // In the ascending order of their keys, as everyone locks several users.
  const inOrder = claims.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return admitUsers(author.environmentId, ids, async (tx) => {
    for (const { key, id, change } of inOrder)
      if (!(await claimUser(tx, key, id, change))) throw changedMeanwhile;
  });
}

async function createUsers(
  { admitUsers, author: { environmentId } }: Place,
  creations: readonly Creation[],
): Promise<ImportedRow[]> {
  const rows: ImportedRow[] = [];
  for (const batch of batches(creations, batchSize)) {
    const ids = batch.map(({ id }) => id);
    const keys = await admitUsers(environmentId, ids, (tx) => insertUsers(tx, environmentId, batch));
    rows.push(...batch.map((step) => createdRow(step, keys.get(step.id))));
  }
  return rows;
}

/** Whoever was made by someone else since the rows were planned is left as they are. */
const createdRow = (step: Creation, userKey: bigint | undefined): ImportedRow =>
  userKey === undefined ? failed(step, userAlreadyExists(step.id)) : succeeded(step, userKey);
