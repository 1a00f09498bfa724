import type { DesiredPackage, DesiredPackageFeature } from '../file/rules.ts';
import type { CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';
import { contentChanges, orStored, priceAndMetadataChanges } from './difference-rules.ts';
import { change, type Finding, refused } from './finding-rules.ts';

type Features = ReadonlyMap<string, CatalogueFeature>;

/** What packages of the file may refer to. */
interface References {
  features: Features;
  /** The possible base packages: those on the server and those planned so far. */
  bases: Set<string>;
  /** The packages that add-ons have as their base. */
  usedAsBase: ReadonlySet<string>;
}

/**
 * Plans the packages, base packages first, because add-ons refer to them.
 *
 * @param features the features after publishing
 */
export function planPackages(
  desired: readonly DesiredPackage[],
  stored: readonly CataloguePackage[],
  features: Features,
): Finding[] {
  const present = new Map(stored.map((each) => [each.id, each]));
  const bases = new Set(stored.filter(({ isAddon }) => !isAddon).map(({ id }) => id));
  const references = { features, bases, usedAsBase: basesInUse(desired, stored) };
  const planAll = (isAddon: boolean) =>
    desired
      .filter((desired) => desired.isAddon === isAddon)
      .flatMap((desired) => planPackage(desired, present.get(desired.id), references));
  const plans = planAll(false);
  for (const { step } of plans) if (step !== undefined && 'package' in step) bases.add(step.package.id);
  return [...plans, ...planAll(true)];
}

/** The base packages of all add-ons after publishing. Add-ons that are not in the file keep theirs. */
function basesInUse(desired: readonly DesiredPackage[], stored: readonly CataloguePackage[]): Set<string> {
  const inFile = new Map(desired.map(({ id, isAddon, bases }) => [id, isAddon ? bases : []]));
  return new Set([
    ...desired.flatMap(({ bases }) => bases ?? []),
    ...stored.flatMap(({ id, bases }) => inFile.get(id) ?? bases),
  ]);
}

function planPackage(
  desired: DesiredPackage,
  stored: CataloguePackage | undefined,
  references: References,
): Finding[] {
  if (stored?.status === 'ARCHIVED')
    return [refused(`Package "${desired.id}" is archived permanently: choose another id.`)];
  const problems = problemsOf(desired, stored, references);
  if (problems.length > 0) return problems.map((problem) => refused(`Package "${desired.id}" ${problem}.`));
  const after = stateAfter(desired, stored, references.features);
  if (stored === undefined) return [creation(after)];
  return stored.status === 'PUBLISHED' ? planPublished(stored, after) : planDraft(stored, after);
}

function creation(created: CataloguePackage): Finding {
  const message = `New ${created.status.toLowerCase()} ${nounOf(created)} "${created.id}".`;
  return change(message, { kind: 'createPackage', package: created });
}

/** A draft may change in any way, and be published. */
function planDraft(stored: CataloguePackage, after: CataloguePackage): Finding[] {
  const changes = [...contentChanges(stored, after), ...priceAndMetadataChanges(stored, after)];
  if (after.status === 'PUBLISHED') changes.push('is published permanently');
  if (changes.length === 0) return [];
  const message = `Draft ${nounOf(stored)} "${stored.id}": ${changes.join('; ')}.`;
  return [change(message, { kind: 'changeDraft', package: after })];
}

/** Subscribers depend on the content of a published package: only prices and metadata change. */
function planPublished(stored: CataloguePackage, after: CataloguePackage): Finding[] {
  const { id } = stored;
  const noun = nounOf(stored);
  const findings: Finding[] = [];
  if (after.status === 'DRAFT')
    findings.push(refused(`Published ${noun} "${id}" cannot become a draft again: it stays published.`));
  const content = contentChanges(stored, after);
  if (content.length > 0)
    findings.push(
      refused(
        `Published ${noun} "${id}" is unchanged, because subscribers depend on it (${content.join('; ')}). Create a new package with another id.`,
      ),
    );
  const priceChanges = priceAndMetadataChanges(stored, after);
  const { prices, metadata } = after;
  if (priceChanges.length > 0)
    findings.push(
      change(`Published ${noun} "${id}": ${priceChanges.join('; ')}.`, {
        kind: 'changePricesAndMetadata',
        package: { ...stored, prices, metadata },
      }),
    );
  return findings;
}

/** The reasons why a package cannot be as in the file, each as the end of a sentence. */
function problemsOf(
  desired: DesiredPackage,
  stored: CataloguePackage | undefined,
  references: References,
): string[] {
  const problems = desired.features.flatMap((grant) =>
    grantProblem(grant, references.features.get(grant.featureId)).map(
      (problem) => `contains the feature "${grant.featureId}", ${problem}`,
    ),
  );
  if (desired.status === 'PUBLISHED' && desired.features.length === 0)
    problems.push('cannot be published without a feature');
  if (desired.isAddon && stored?.isAddon === false && references.usedAsBase.has(desired.id))
    problems.push('cannot become an add-on: it is the base package of an add-on');
  for (const base of desired.isAddon ? orStored(desired.bases, stored?.bases ?? []) : [])
    if (base === desired.id || !references.bases.has(base))
      problems.push(`has "${base}" as its base package, which is not a base package`);
  return problems;
}

/** Only a CONSUMABLE feature has a limit. It is required, so that a forgotten limit never means unlimited. */
function grantProblem(grant: DesiredPackageFeature, feature: CatalogueFeature | undefined): string[] {
  if (feature === undefined) return ['which is neither in the file nor on the server'];
  if (feature.type === 'CONSUMABLE')
    return grant.limit === undefined ? ['which is CONSUMABLE and needs a limit, or null for unlimited'] : [];
  const isLimited = (grant.limit ?? grant.resetPeriod) !== null || grant.overageEnabled;
  return isLimited ? ['which is BINARY and has no limit, overage or reset period'] : [];
}

/** The package after publishing. A feature that it contains already keeps its name in the package. */
function stateAfter(
  desired: DesiredPackage,
  stored: CataloguePackage | undefined,
  features: Features,
): CataloguePackage {
  const formerNames = new Map(stored?.features.map(({ featureId, name }) => [featureId, name]));
  const grants = desired.features.map(
    (grant): PackageFeature => ({
      ...grant,
      name: grant.name ?? formerNames.get(grant.featureId) ?? features.get(grant.featureId)?.name ?? '',
      limit: grant.limit ?? null,
    }),
  );
  return {
    ...desired,
    features: grants,
    bases: desired.isAddon ? orStored(desired.bases, stored?.bases ?? []) : [],
    prices: orStored(desired.prices, stored?.prices ?? []),
    metadata: orStored(desired.metadata, stored === undefined ? {} : stored.metadata),
  };
}

const nounOf = ({ isAddon }: { isAddon: boolean }) => (isAddon ? 'add-on' : 'package');
