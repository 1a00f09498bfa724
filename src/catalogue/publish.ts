import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { longTransaction } from '../database/long-transaction.ts';
import { invalidInput, planChanged } from '../errors.ts';
import { announceFeatures } from '../features/store.ts';
import { lockPackages } from '../packages/store.ts';
import type { Wishes } from './file/rules.ts';
import { type ConfigurationFile, fileOf } from './file/writing-rules.ts';
import { type Finding, lineOf, type Step } from './plan/finding-rules.ts';
import { plan } from './plan/rules.ts';
import { fingerprintOf } from './plan/summary-rules.ts';
import {
  changeDraft,
  changeFeature,
  changeOuter,
  createFeature,
  createPackage,
  findAppId,
  loadCatalogue,
  lockConfiguration,
  lockFeatures,
} from './store.ts';

/** What publishing came to. */
export interface Published {
  /** The catalogue as it is now. */
  file: ConfigurationFile;
  /** What was done, what was not and why, and what stays though the file leaves it out; see plan. */
  findings: Finding[];
}

/** Under which conditions something is published at all. */
export interface Terms {
  /** Whether to do what can be done although something cannot be. */
  partly: boolean;
  /** What somebody agreed to, as fingerprintOf tells it; null if nobody was asked. */
  agreed: string | null;
}

const maxAttempts = 5;

/** The catalogue as a configuration file. */
export async function pull(db: Db, environmentId: string): Promise<ConfigurationFile> {
  const app = await findAppId(db, environmentId);
  return fileOf(await loadCatalogue(db, environmentId), app);
}

/** What publishing would do, could not do, and would leave; nothing if the file and the server agree. */
export async function preview(db: Db, environmentId: string, wishes: Wishes): Promise<Finding[]> {
  return plan(wishes, await loadCatalogue(db, environmentId));
}

/**
 * Makes of the wishes what can be made, in one transaction, and never destroys anything. If somebody else makes
 * the same thing at the same moment, it is planned again. Throws a DomainError if the terms are not met: then
 * nothing is done.
 *
 * @param author who publishes, and into which environment
 */
export async function publish(
  db: PrismaClient,
  author: Author,
  wishes: Wishes,
  now: Date,
  terms: Terms,
): Promise<Published> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await longTransaction(db, (tx) => publishOnce(tx, author, wishes, now, terms));
    } catch (error) {
      if (!isUniqueViolation(error) || attempt === maxAttempts) throw error;
    }
  }
}

async function publishOnce(
  tx: Db,
  author: Author,
  wishes: Wishes,
  now: Date,
  terms: Terms,
): Promise<Published> {
  const { environmentId } = author;
  await lockConfiguration(tx, environmentId);
  // All that the file names, bases included, stays as it is planned until the end.
  const named = wishes.packages.flatMap(({ id, bases }) => [id, ...(bases ?? [])]);
  await lockPackages(tx, environmentId, named);
  await lockFeatures(
    tx,
    environmentId,
    wishes.features.map(({ id }) => id),
  );
  const findings = plan(wishes, await loadCatalogue(tx, environmentId));
  requireTerms(findings, terms);
  const steps = findings.flatMap(({ step }) => step ?? []);
  await tracked(tx, author, steps, async () => {
    for (const [index, step] of steps.entries()) {
      // Lists are ordered by age: a millisecond apart, what is new keeps the order of the file.
      const createdAt = new Date(now.getTime() - steps.length + index);
      await take(tx, environmentId, step, { now, createdAt });
    }
  });
  return { file: await pull(tx, environmentId), findings };
}

/** Tells the audit log what becomes of everything that these steps change. */
function tracked(tx: Db, author: Author, steps: readonly Step[], work: () => Promise<void>): Promise<void> {
  const action = 'publishCatalogue';
  const features = steps.flatMap((step) => ('feature' in step ? step.feature.id : []));
  const packages = steps.flatMap((step) => ('package' in step ? step.package.id : []));
  return audited(tx, author, { action, type: 'FEATURE', handles: features }, () =>
    audited(tx, author, { action, type: 'PACKAGE', handles: packages }, work),
  );
}

function requireTerms(findings: readonly Finding[], { partly, agreed }: Terms): void {
  if (agreed !== null && agreed !== fingerprintOf(findings)) throw planChanged();
  const refusals = findings.filter(({ kind }) => kind === 'REFUSED');
  if (refusals.length > 0 && !partly)
    throw invalidInput('yaml', `${refusals.map(lineOf).join(' ')} Nothing was published.`);
}

async function take(
  tx: Db,
  environmentId: string,
  step: Step,
  times: { now: Date; createdAt: Date },
): Promise<void> {
  switch (step.kind) {
    case 'createFeature':
      await createFeature(tx, environmentId, step.feature, times.createdAt);
      return announceFeatures(tx, environmentId);
    case 'changeFeature':
      return changeFeature(tx, environmentId, step.feature);
    case 'createPackage':
      return createPackage(tx, environmentId, step.package, times.createdAt);
    case 'changeDraft':
      return changeDraft(tx, environmentId, step.package, times.now);
    case 'changeOuter':
      return changeOuter(tx, environmentId, step.package, times.now);
  }
}
