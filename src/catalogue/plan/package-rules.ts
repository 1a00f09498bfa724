import type { WantedPackage, WantedPackageFeature } from '../file/rules.ts';
import type { CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';
import { contentChanges, outerChanges } from './difference-rules.ts';
import { change, type Finding, refused, spoken } from './finding-rules.ts';

type Features = ReadonlyMap<string, CatalogueFeature>;

/** What the packages of the file are held against. */
interface Known {
  features: Features;
  /** The packages that can be named as a base: those on the server, and more as bases are planned. */
  bases: Set<string>;
  /** The packages that add-ons name as their base. */
  named: ReadonlySet<string>;
}

/**
 * What has to be done to packages, base packages first, since add-ons refer to them.
 *
 * @param features as they will be by then
 */
export function planPackages(
  wishes: readonly WantedPackage[],
  stored: readonly CataloguePackage[],
  features: Features,
): Finding[] {
  const present = new Map(stored.map((each) => [each.id, each]));
  const bases = new Set(stored.filter(({ isAddon }) => !isAddon).map(({ id }) => id));
  const known = { features, bases, named: namedBases(wishes, stored) };
  const planAll = (isAddon: boolean) =>
    wishes
      .filter((wanted) => wanted.isAddon === isAddon)
      .flatMap((wanted) => planPackage(wanted, present.get(wanted.id), known));
  const plans = planAll(false);
  for (const { step } of plans) if (step !== undefined && 'package' in step) bases.add(step.package.id);
  return [...plans, ...planAll(true)];
}

/** Whatever the file says of add-ons goes, and what it says nothing of stays. */
function namedBases(wishes: readonly WantedPackage[], stored: readonly CataloguePackage[]): Set<string> {
  const said = new Map(wishes.map(({ id, isAddon, bases }) => [id, isAddon ? bases : []]));
  return new Set([
    ...wishes.flatMap(({ bases }) => bases ?? []),
    ...stored.flatMap(({ id, bases }) => said.get(id) ?? bases),
  ]);
}

function planPackage(wanted: WantedPackage, stored: CataloguePackage | undefined, known: Known): Finding[] {
  if (stored?.status === 'ARCHIVED')
    return [refused(`Package "${wanted.id}" is archived, for good: give the new one another id.`)];
  const problems = problemsOf(wanted, stored, known);
  if (problems.length > 0) return problems.map((problem) => refused(`Package "${wanted.id}" ${problem}.`));
  const after = afterwards(wanted, stored, known.features);
  if (stored === undefined) return [creation(after)];
  return stored.status === 'PUBLISHED' ? planPublished(stored, after) : planDraft(stored, after);
}

function creation(created: CataloguePackage): Finding {
  const message = `New ${created.status.toLowerCase()} ${nounOf(created)} "${created.id}".`;
  return change(message, { kind: 'createPackage', package: created });
}

/** A draft may become anything, and be published. */
function planDraft(stored: CataloguePackage, after: CataloguePackage): Finding[] {
  const changes = [...contentChanges(stored, after), ...outerChanges(stored, after)];
  if (after.status === 'PUBLISHED') changes.push('is published, for good');
  if (changes.length === 0) return [];
  const message = `Draft ${nounOf(stored)} "${stored.id}": ${changes.join('; ')}.`;
  return [change(message, { kind: 'changeDraft', package: after })];
}

/** What users have subscribed to no longer changes; only prices and metadata do. */
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
        `Published ${noun} "${id}" cannot change, for its subscribers, and stays as it is (${content.join('; ')}): make a new package with another id.`,
      ),
    );
  const outer = outerChanges(stored, after);
  const { prices, metadata } = after;
  if (outer.length > 0)
    findings.push(
      change(`Published ${noun} "${id}": ${outer.join('; ')}.`, {
        kind: 'changeOuter',
        package: { ...stored, prices, metadata },
      }),
    );
  return findings;
}

/** Why a package cannot be what the file says, as the rest of a sentence about it. */
function problemsOf(wanted: WantedPackage, stored: CataloguePackage | undefined, known: Known): string[] {
  const problems = wanted.features.flatMap((grant) =>
    grantProblem(grant, known.features.get(grant.featureId)).map(
      (problem) => `contains the feature "${grant.featureId}", ${problem}`,
    ),
  );
  if (wanted.status === 'PUBLISHED' && wanted.features.length === 0)
    problems.push('is to be published, but contains no feature');
  if (wanted.isAddon && stored?.isAddon === false && known.named.has(wanted.id))
    problems.push('cannot become an add-on: an add-on names it as its base package');
  for (const base of wanted.isAddon ? spoken(wanted.bases, stored?.bases ?? []) : [])
    if (base === wanted.id || !known.bases.has(base))
      problems.push(`names "${base}" as its base package, which is none`);
  return problems;
}

/** Only a CONSUMABLE is limited, and its limit has to be said: leaving it out could not be told from unlimited. */
function grantProblem(grant: WantedPackageFeature, feature: CatalogueFeature | undefined): string[] {
  if (feature === undefined) return ['which is neither in the file nor on the server'];
  if (feature.type === 'CONSUMABLE')
    return grant.limit === undefined ? ['which is CONSUMABLE and needs a limit, or null for unlimited'] : [];
  const isLimited = (grant.limit ?? grant.resetPeriod) !== null || grant.overageEnabled;
  return isLimited ? ['which is BINARY and has no limit, overage or reset period'] : [];
}

/** The whole package as it is to be. A feature that was in it before keeps the name that it has there. */
function afterwards(
  wanted: WantedPackage,
  stored: CataloguePackage | undefined,
  features: Features,
): CataloguePackage {
  const formerNames = new Map(stored?.features.map(({ featureId, name }) => [featureId, name]));
  const grants = wanted.features.map(
    (grant): PackageFeature => ({
      ...grant,
      name: grant.name ?? formerNames.get(grant.featureId) ?? features.get(grant.featureId)?.name ?? '',
      limit: grant.limit ?? null,
    }),
  );
  return {
    ...wanted,
    features: grants,
    bases: wanted.isAddon ? spoken(wanted.bases, stored?.bases ?? []) : [],
    prices: spoken(wanted.prices, stored?.prices ?? []),
    metadata: spoken(wanted.metadata, stored === undefined ? {} : stored.metadata),
  };
}

const nounOf = ({ isAddon }: { isAddon: boolean }) => (isAddon ? 'add-on' : 'package');
