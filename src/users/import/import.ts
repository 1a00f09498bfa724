import { randomUUID } from 'node:crypto';
import { note, withEvents } from '../../audit/record.ts';
import type { Fields } from '../../audit/rules.ts';
import { DomainError, importConflict, userAlreadyExists } from '../../errors.ts';
import type { AdmitUsers } from '../arrival.ts';
import { claimUser } from '../change.ts';
import { mergeUsers } from '../merge/merge.ts';
import { addBelongings, type BelongingsContext, type ImportedRow, planBelongings } from './belongings.ts';
import { readRows } from './csv-file.ts';
import type { Row } from './csv-rules.ts';
import { batches, batchSize, type ImportStep, planImport } from './plan-rules.ts';
import { changeUser, insertUsers, loadDirectory } from './store.ts';

interface ImportContext extends BelongingsContext {
  admitUsers: AdmitUsers;
  /** Runs CPU-bound work within the budget of the environment; see http/heavy-work.ts. */
  doHeavyWork: <Result>(environmentId: string, work: () => Promise<Result>) => Promise<Result>;
  /** The reason for the import, for the audit log. */
  note?: string | null;
}

type Creation = Extract<ImportStep, { outcome: 'CREATED' }>;
type Claim = Extract<ImportStep, { outcome: 'CLAIMED' }>;
type OtherStep = Exclude<ImportStep, Creation | Claim>;

/** The number of concurrent changes. Each is about another user. */
const changesAtOnce = 5;
/** The number of claims in one transaction. */
const claimsAtOnce = 50;

const changedMeanwhile = importConflict('The user was changed concurrently: import the row again.');

/**
 * Imports a file of users; see readRows, matchRow and planImport. Each row succeeds or fails on its own. Creation times
 * are one millisecond apart, so that lists keep the order of the file.
 *
 * The audit log gets one entry before the import and one after it, so that an import that a crash interrupts is logged
 * too.
 *
 * @throws ValidationError if the file cannot be parsed; then nothing is imported
 */
export async function importUsers(context: ImportContext, csv: string): Promise<ImportedRow[]> {
  const { environmentId } = context.author;
  const { belongings, steps } = await context.doHeavyWork(environmentId, async () =>
    plan(context, await readRows(csv, environmentId)),
  );
  const claims = steps.filter((step) => step.outcome === 'CLAIMED');
  const creations = steps.filter((step) => step.outcome === 'CREATED');
  const changes = steps.filter((step) => step.outcome !== 'CLAIMED' && step.outcome !== 'CREATED');

  const log = await logPlan(context, steps, belongings.size > 0);
  const results: ImportedRow[] = [];
  for (const group of batches(changes, changesAtOnce))
    results.push(...(await Promise.all(group.map((step) => makeChange(context, step)))));
  for (const group of batches(claims, claimsAtOnce)) results.push(...(await claimUsers(context, group)));
  results.push(...(await createUsers(context, creations)));
  const rows = await addBelongings(context, results, belongings);
  await log(rows);
  return rows.sort((a, b) => a.line - b.line);
}

/** Logs the plan, unless it changes nothing. Returns a function that logs the results. */
async function logPlan(
  { prisma, author, note: why }: ImportContext,
  steps: readonly ImportStep[],
  hasBelongings: boolean,
) {
  const changesNothing =
    !hasBelongings && steps.every(({ outcome }) => outcome === 'UNCHANGED' || outcome === 'FAILED');
  if (changesNothing) return async () => undefined;
  const what = { action: 'importUsers', type: 'IMPORT', id: randomUUID() } as const;
  const write = (state: string, rows: readonly Pick<ImportStep, 'outcome'>[]) =>
    note(prisma, author, what, { state, ...counted(rows), ...(why ? { note: why } : {}) });
  await write('BEGUN', steps);
  return (results: readonly ImportedRow[]) => write('DONE', results);
}

/** The number of rows by outcome, such as `{ created: 3, failed: 1 }`. */
function counted(rows: readonly Pick<ImportStep, 'outcome'>[]): Fields {
  const counts: Record<string, number> = {};
  for (const { outcome } of rows) counts[outcome.toLowerCase()] = (counts[outcome.toLowerCase()] ?? 0) + 1;
  return counts;
}

async function plan({ prisma, author: { environmentId } }: ImportContext, rows: readonly Row[]) {
  const readable = rows.flatMap(({ facts }) => (facts instanceof DomainError ? [] : facts));
  const steps = planImport(rows, await loadDirectory(prisma, environmentId, readable));
  return planBelongings(prisma, environmentId, rows, steps);
}

const succeeded = ({ line, outcome }: ImportStep, userKey: bigint): ImportedRow => ({
  line,
  outcome,
  userKey,
  error: null,
});
const failed = ({ line }: ImportStep, error: DomainError): ImportedRow => ({
  line,
  outcome: 'FAILED',
  userKey: null,
  error,
});

async function makeChange(context: ImportContext, step: OtherStep): Promise<ImportedRow> {
  if (step.outcome === 'FAILED') return failed(step, step.error);
  if (step.outcome === 'UNCHANGED') return succeeded(step, step.key);
  const { prisma, author } = context;
  try {
    const key =
      step.outcome === 'UPDATED'
        ? step.key
        : await mergeUsers(prisma, author, [step.survivorId, step.otherId], step.survivorId);
    const isChanged = await prisma.$transaction((tx) =>
      withEvents(tx, author.environmentId, { type: 'USER', handles: [key] }, () =>
        changeUser(tx, key, step.change),
      ),
    );
    return isChanged ? succeeded(step, key) : failed(step, changedMeanwhile);
  } catch (error) {
    if (error instanceof DomainError) return failed(step, error);
    throw error;
  }
}

/** Claims imported users in one transaction; if one claim fails, each in its own transaction. */
async function claimUsers(context: ImportContext, claims: readonly Claim[]): Promise<ImportedRow[]> {
  try {
    await claimAll(context, claims);
    return claims.map((step) => succeeded(step, step.key));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (claims.length === 1) return claims.map((step) => failed(step, error));
  }
  const rows: ImportedRow[] = [];
  for (const step of claims) rows.push(...(await claimUsers(context, [step])));
  return rows;
}

function claimAll({ admitUsers, author }: ImportContext, claims: readonly Claim[]): Promise<void> {
  const ids = claims.map(({ id }) => id);
  // Lock order: ascending keys of users.
  const inOrder = claims.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const handles = inOrder.map(({ key }) => key);
  const { environmentId } = author;
  return admitUsers(environmentId, ids, (tx) =>
    withEvents(tx, environmentId, { type: 'USER', handles }, async () => {
      for (const { key, id, change } of inOrder)
        if (!(await claimUser(tx, key, id, change))) throw changedMeanwhile;
    }),
  );
}

async function createUsers(
  { admitUsers, author: { environmentId } }: ImportContext,
  creations: readonly Creation[],
): Promise<ImportedRow[]> {
  const rows: ImportedRow[] = [];
  for (const batch of batches(creations, batchSize)) {
    const ids = batch.map(({ id }) => id);
    const keys = await admitUsers(environmentId, ids, (tx) =>
      withEvents(
        tx,
        environmentId,
        { type: 'USER', handles: [] },
        () => insertUsers(tx, environmentId, batch),
        (made) => [...made.values()],
      ),
    );
    rows.push(...batch.map((step) => createdRow(step, keys.get(step.id))));
  }
  return rows;
}

/** A user who was created concurrently stays unchanged, and the row fails. */
const createdRow = (step: Creation, userKey: bigint | undefined): ImportedRow =>
  userKey === undefined ? failed(step, userAlreadyExists(step.id)) : succeeded(step, userKey);
