import type { PrismaClient } from '../database/generated/client.ts';
import { DomainError, importConflict, userAlreadyExists } from '../errors.ts';
import { mergeUsers } from '../merging/actions.ts';
import { type AdmitUsers, claimUser } from '../users/actions.ts';
import { type Row, readRows } from './csv-rules.ts';
import { planImport, type Step } from './plan-rules.ts';
import { batches, changeUser, findKnown, insertUsers, nextCreation } from './store.ts';

/** What became of one row. */
export interface ImportedRow {
  line: number;
  outcome: Step['outcome'];
  /** The user whom the row is about; null when it failed. */
  userKey: bigint | null;
  /** Why it failed; null when it did not. */
  error: DomainError | null;
}

/** Where an import happens, and the ways to it. */
interface Place {
  prisma: PrismaClient;
  admitUsers: AdmitUsers;
  environmentId: string;
}

type Creation = Extract<Step, { outcome: 'CREATED' }>;

const changedMeanwhile = importConflict(
  'The user was changed by someone else at the same moment: import the row again.',
);

/**
 * Imports a file of users; see readRows, matchRow and planImport. Each row succeeds or fails alone: no transaction
 * spans two rows but those that make users, who are made a millisecond apart, so that lists keep the order of
 * the file.
 *
 * @throws ValidationError when the file cannot be read, and then nothing is imported
 */
export async function importUsers(place: Place, csv: string, now: Date): Promise<ImportedRow[]> {
  const rows = readRows(csv);
  const steps = await plan(place, rows);
  const results = new Map<number, ImportedRow>();
  for (const step of steps) {
    if (step.outcome !== 'CREATED') results.set(step.line, await carryOut(place, step));
  }
  for (const row of await createUsers(place, steps.filter(isCreation), now)) results.set(row.line, row);
  return steps.flatMap(({ line }) => results.get(line) ?? []);
}

const isCreation = (step: Step): step is Creation => step.outcome === 'CREATED';

async function plan({ prisma, environmentId }: Place, rows: readonly Row[]): Promise<Step[]> {
  const readable = rows.flatMap(({ facts }) => (facts instanceof DomainError ? [] : facts));
  return planImport(rows, await findKnown(prisma, environmentId, readable));
}

async function carryOut(place: Place, step: Exclude<Step, Creation>): Promise<ImportedRow> {
  const { line, outcome } = step;
  if (step.outcome === 'FAILED') return { line, outcome, userKey: null, error: step.error };
  try {
    return { line, outcome, userKey: await change(place, step), error: null };
  } catch (error) {
    if (error instanceof DomainError) return { line, outcome: 'FAILED', userKey: null, error };
    throw error;
  }
}

/** Answers the key of the user. */
async function change(
  { prisma, admitUsers, environmentId }: Place,
  step: Exclude<Step, { outcome: 'CREATED' | 'FAILED' }>,
): Promise<bigint> {
  switch (step.outcome) {
    case 'UNCHANGED':
      return step.key;
    case 'UPDATED':
      if (!(await changeUser(prisma, step.key, step.change))) throw changedMeanwhile;
      return step.key;
    case 'CLAIMED': {
      const { key, id } = step;
      if (!(await admitUsers(environmentId, [id], (tx) => claimUser(tx, key, id, step.change))))
        throw changedMeanwhile;
      return key;
    }
    case 'MERGED': {
      const { survivorId, otherId } = step;
      const key = await mergeUsers(prisma, environmentId, [survivorId, otherId], survivorId);
      if (!(await changeUser(prisma, key, step.change))) throw changedMeanwhile;
      return key;
    }
  }
}

async function createUsers(
  { prisma, admitUsers, environmentId }: Place,
  creations: readonly Creation[],
  now: Date,
): Promise<ImportedRow[]> {
  const first = (await nextCreation(prisma, environmentId, now)).getTime();
  const users = creations.map((step, index) => ({ ...step, createdAt: new Date(first + index) }));
  const rows: ImportedRow[] = [];
  for (const batch of batches(users)) {
    const ids = batch.map(({ id }) => id);
    const keys = await admitUsers(environmentId, ids, (tx) => insertUsers(tx, environmentId, batch));
    for (const { line, id } of batch) rows.push(createdRow(line, id, keys.get(id)));
  }
  return rows;
}

/** Whoever was made by someone else since the rows were planned is left as they are. */
const createdRow = (line: number, id: string, userKey: bigint | undefined): ImportedRow =>
  userKey === undefined
    ? { line, outcome: 'FAILED', userKey: null, error: userAlreadyExists(id) }
    : { line, outcome: 'CREATED', userKey, error: null };
