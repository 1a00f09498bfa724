import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/conflict.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { lockPackages } from '../packages/store.ts';
import type { Wishes } from './file-rules.ts';
import type { Step } from './finding-rules.ts';
import { plan } from './plan-rules.ts';
import {
  changeDraft,
  changeFeature,
  changeOuter,
  createFeature,
  createPackage,
  findAppId,
  loadCatalogue,
  lockConfiguration,
} from './store.ts';
import { type ConfigurationFile, fileOf } from './writing-rules.ts';

/** What publishing came to. */
export interface Published {
  /** The catalogue as it is now. */
  file: ConfigurationFile;
  /** What was done, what was not and why, and what stays though the file leaves it out; see plan. */
  lines: string[];
}

const maxAttempts = 5;
/** A whole catalogue may be written, row by row; in milliseconds. */
const patience = { maxWait: 15_000, timeout: 60_000 };

/** The catalogue as a configuration file. */
export async function pull(db: Db, environmentId: string): Promise<ConfigurationFile> {
  const app = await findAppId(db, environmentId);
  return fileOf(await loadCatalogue(db, environmentId), app);
}

/** What publishing would do, could not do, and would leave, in sentences; none if there is nothing to do. */
export async function validate(db: Db, environmentId: string, wishes: Wishes): Promise<string[]> {
  return plan(wishes, await loadCatalogue(db, environmentId)).map(({ line }) => line);
}

/**
 * Makes of the wishes what can be made, in one transaction, and never destroys anything. If somebody else makes
 * the same thing at the same moment, it is planned again.
 */
export async function publish(
  db: PrismaClient,
  environmentId: string,
  wishes: Wishes,
  now: Date,
): Promise<Published> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.$transaction((tx) => publishOnce(tx, environmentId, wishes, now), patience);
    } catch (error) {
      if (!isUniqueViolation(error) || attempt === maxAttempts) throw error;
    }
  }
}

async function publishOnce(tx: Db, environmentId: string, wishes: Wishes, now: Date): Promise<Published> {
  await lockConfiguration(tx, environmentId);
  // Whatever the plan depends on, bases included, stays as it is until the end.
  const named = wishes.packages.flatMap(({ id, bases }) => [id, ...(bases ?? [])]);
  await lockPackages(tx, environmentId, named);
  const findings = plan(wishes, await loadCatalogue(tx, environmentId));
  const steps = findings.flatMap(({ step }) => step ?? []);
  for (const [index, step] of steps.entries()) {
    // Lists are ordered by age: a millisecond apart, what is new keeps the order of the file.
    const createdAt = new Date(now.getTime() - steps.length + index);
    await take(tx, environmentId, step, { now, createdAt });
  }
  return { file: await pull(tx, environmentId), lines: findings.map(({ line }) => line) };
}

function take(
  tx: Db,
  environmentId: string,
  step: Step,
  times: { now: Date; createdAt: Date },
): Promise<void> {
  switch (step.kind) {
    case 'createFeature':
      return createFeature(tx, environmentId, step.feature, times.createdAt);
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
