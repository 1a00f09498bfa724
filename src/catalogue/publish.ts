import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { insertionTime } from '../database/settled.ts';
import { longTransaction } from '../database/transaction.ts';
import { unknownTimeZone } from '../environments/rules.ts';
import { findAppId, findUnknownTimeZones } from '../environments/store.ts';
import { invalidInput, planChanged } from '../errors.ts';
import { announceFeatures } from '../features/store.ts';
import { lockPackages } from '../packages/store.ts';
import { mapInSlices } from '../slices.ts';
import type { DesiredCatalogue, DesiredPackage } from './file/rules.ts';
import { type CatalogueFile, fileOf } from './file/writing-rules.ts';
import {
  type CatalogueStep,
  type Finding,
  fingerprintOf,
  lineOf,
  newVersions,
  textOf,
  withSubscribers,
} from './plan/finding-rules.ts';
import { planSteps } from './plan/rules.ts';
import {
  changeDraft,
  changeFeature,
  changeNextDraft,
  changePricesAndMetadata,
  countSubscribers,
  createFeature,
  createPackage,
  loadCatalogue,
  lockCatalogue,
  lockFeatures,
  publishVersion,
} from './store.ts';

/** The result of publishing. */
export interface PublishResult {
  /** The catalogue after publishing. */
  file: CatalogueFile;
  /** The changes, the refused changes, and what the file omits; see plan. */
  findings: Finding[];
}

/** The conditions for publishing. */
export interface PublishConditions {
  /** Whether to apply the possible changes if others are not possible. */
  partly: boolean;
  /** The fingerprint of the previewed plan; null without a preview. */
  expectedFingerprint: string | null;
}

const maxAttempts = 5;

/** Returns the catalogue as a file. */
export async function pull(db: Db, environmentId: string): Promise<CatalogueFile> {
  const app = await findAppId(db, environmentId);
  return fileOf(await loadCatalogue(db, environmentId), app);
}

/** Returns the plan without applying it; empty if file and server are equal. */
export async function preview(db: Db, environmentId: string, desired: DesiredCatalogue): Promise<Finding[]> {
  await requireTimeZones(db, desired.packages);
  return addSubscriberCounts(db, environmentId, await planAll(db, environmentId, desired));
}

/** A plan in slices: that of a large file takes long. */
async function planAll(db: Db, environmentId: string, desired: DesiredCatalogue): Promise<Finding[]> {
  const steps = planSteps(desired, await loadCatalogue(db, environmentId));
  return (await mapInSlices(steps, (findings) => findings, environmentId)).flat();
}

/** The fingerprint of a plan, in slices. */
export const fingerprint = async (findings: readonly Finding[], environmentId: string): Promise<string> =>
  fingerprintOf(await mapInSlices(findings, textOf, environmentId));

async function addSubscriberCounts(db: Db, environmentId: string, findings: Finding[]): Promise<Finding[]> {
  const ids = newVersions(findings).map(({ id }) => id);
  return ids.length === 0
    ? findings
    : withSubscribers(findings, await countSubscribers(db, environmentId, ids));
}

/**
 * Applies the desired catalogue in one transaction; see plan. If a concurrent call creates the same object, the
 * plan is made again.
 *
 * @throws DomainError if a condition is not met; then nothing is applied
 */
export async function publish(
  db: PrismaClient,
  author: Author,
  desired: DesiredCatalogue,
  conditions: PublishConditions,
): Promise<PublishResult> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await longTransaction(db, (tx) => publishOnce(tx, author, desired, conditions));
    } catch (error) {
      if (!isUniqueViolation(error) || attempt === maxAttempts) throw error;
    }
  }
}

async function publishOnce(
  tx: Db,
  author: Author,
  desired: DesiredCatalogue,
  conditions: PublishConditions,
): Promise<PublishResult> {
  const { environmentId } = author;
  await requireTimeZones(tx, desired.packages);
  await lockCatalogue(tx, environmentId);
  // Everything in the file, bases included, stays locked until the end.
  const named = desired.packages.flatMap(({ id, bases }) => [id, ...(bases ?? [])]);
  await lockPackages(tx, environmentId, named);
  await lockFeatures(
    tx,
    environmentId,
    desired.features.map(({ id }) => id),
  );
  const findings = await planAll(tx, environmentId, desired);
  await requireConditions(findings, conditions, environmentId);
  const steps = findings.flatMap(({ step }) => step ?? []);
  await auditedSteps(tx, author, steps, async () => {
    const now = await insertionTime(tx, ['feature', 'package']);
    for (const [index, step] of steps.entries()) {
      // Lists are ordered by age: one millisecond apart, new items keep the order of the file.
      const createdAt = new Date(now.getTime() + index);
      await applyStep(tx, environmentId, step, { now, createdAt });
    }
  });
  const counted = await addSubscriberCounts(tx, environmentId, findings);
  return { file: await pull(tx, environmentId), findings: counted };
}

/** Runs `work` and records the changes of these steps in the audit log. */
function auditedSteps(
  tx: Db,
  author: Author,
  steps: readonly CatalogueStep[],
  work: () => Promise<void>,
): Promise<void> {
  const action = 'publishCatalogue';
  const features = steps.flatMap((step) => ('feature' in step ? step.feature.id : []));
  const packages = steps.flatMap((step) => ('package' in step ? step.package.id : []));
  return audited(tx, author, { action, type: 'FEATURE', handles: features }, () =>
    audited(tx, author, { action, type: 'PACKAGE', handles: packages }, work),
  );
}

async function requireConditions(
  findings: readonly Finding[],
  { partly, expectedFingerprint }: PublishConditions,
  environmentId: string,
): Promise<void> {
  if (expectedFingerprint !== null && expectedFingerprint !== (await fingerprint(findings, environmentId)))
    throw planChanged();
  const refusals = findings.filter(({ kind }) => kind === 'REFUSED');
  if (refusals.length > 0 && !partly)
    throw invalidInput('yaml', `${refusals.map(lineOf).join(' ')} Nothing was published.`);
}

async function applyStep(
  tx: Db,
  environmentId: string,
  step: CatalogueStep,
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
    case 'publishVersion':
      return publishVersion(tx, environmentId, step.package, times.now);
    case 'changeNextDraft':
      return changeNextDraft(tx, environmentId, step.package, times.now);
    case 'changePricesAndMetadata':
      return changePricesAndMetadata(tx, environmentId, step.package, times.now);
  }
}

/** @throws ValidationError if the database does not know a time zone of the packages */
async function requireTimeZones(db: Db, packages: readonly DesiredPackage[]): Promise<void> {
  const named = packages.flatMap(({ features }) => features.flatMap(({ timeZone }) => timeZone ?? []));
  const [unknown] = await findUnknownTimeZones(db, named);
  if (unknown !== undefined) throw invalidInput('yaml', `time_zone "${unknown}" ${unknownTimeZone}`);
}
