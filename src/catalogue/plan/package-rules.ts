import { amountOf, fits } from '../../amount.ts';
import { NewId } from '../../input.ts';
import type { DesiredPackage, DesiredPackageFeature } from '../file/rules.ts';
import type { Catalogue, CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';
import {
  contentChanges,
  nameChange,
  orStored,
  priceAndMetadataChanges,
  versionChanges,
} from './difference-rules.ts';
import { change, type Finding, kept, refused, unseenId } from './finding-rules.ts';

type Features = ReadonlyMap<string, CatalogueFeature>;

/** What packages of the file may refer to. */
interface References {
  features: Features;
  /** The possible base packages: those on the server and those planned so far. */
  bases: Set<string>;
  /** The packages that add-ons have as their base. */
  usedAsBase: ReadonlySet<string>;
  /** The time zone of the environment. */
  timeZone: string;
}

/**
 * Plans the packages, base packages first, because add-ons refer to them. Yields the findings of one after another.
 *
 * @param features the features after publishing
 */
export function* planPackages(
  desired: readonly DesiredPackage[],
  { packages: stored, timeZone }: Pick<Catalogue, 'packages' | 'timeZone'>,
  features: Features,
): Generator<Finding[]> {
  const present = new Map(stored.map((each) => [each.id, each]));
  const bases = new Set(stored.filter(({ isAddon }) => !isAddon).map(({ id }) => id));
  const references = { features, bases, usedAsBase: basesInUse(desired, stored), timeZone };
  const drafts = new Map(desired.flatMap((each) => (each.status === 'DRAFT' ? [[each.id, each]] : [])));
  for (const each of basesFirst(desired)) {
    const draft = each.status === 'PUBLISHED' ? drafts.get(each.id) : undefined;
    const findings = planPackage(each, draft, present.get(each.id), references);
    if (!each.isAddon)
      for (const { step } of findings)
        if (step !== undefined && 'package' in step) bases.add(step.package.id);
    yield findings;
  }
}

/** The base packages, then the add-ons, without drafts of next versions. */
function basesFirst(desired: readonly DesiredPackage[]): DesiredPackage[] {
  const published = new Set(desired.filter(({ status }) => status === 'PUBLISHED').map(({ id }) => id));
  const own = desired.filter(({ id, status }) => status === 'PUBLISHED' || !published.has(id));
  return [...own.filter(({ isAddon }) => !isAddon), ...own.filter(({ isAddon }) => isAddon)];
}

/** The base packages of all add-ons after publishing. Add-ons that are not in the file keep theirs. */
function basesInUse(desired: readonly DesiredPackage[], stored: readonly CataloguePackage[]): Set<string> {
  const inFile = new Map(desired.map(({ id, isAddon, bases }) => [id, isAddon ? bases : []]));
  return new Set([
    ...desired.flatMap(({ bases }) => bases ?? []),
    ...stored.flatMap(({ id, bases }) => inFile.get(id) ?? bases),
  ]);
}

/** @param draft the draft of the next version, beside the published version */
function planPackage(
  desired: DesiredPackage,
  draft: DesiredPackage | undefined,
  stored: CataloguePackage | undefined,
  references: References,
): Finding[] {
  if (stored?.status === 'ARCHIVED')
    return [refused(`Package "${desired.id}" is archived permanently: choose another id.`)];
  const problems = [desired, ...(draft === undefined ? [] : [draft])].flatMap((each) =>
    problemsOf(each, stored, references),
  );
  if (problems.length > 0) return problems.map((problem) => refused(`Package "${desired.id}" ${problem}.`));
  const after = stateAfter(desired, stored, references);
  const findings = planVersion(stored, after);
  const published = findings.flatMap(({ step }) => (step && 'package' in step ? step.package : [])).at(-1);
  return [...findings, ...planNextDraft(published ?? stored ?? after, draft, references)];
}

function planVersion(stored: CataloguePackage | undefined, after: CataloguePackage): Finding[] {
  if (stored === undefined) return [creation(after)];
  return stored.status === 'PUBLISHED' ? planPublished(stored, after) : planDraft(stored, after);
}

/** Plans the draft of the next version of a package that is published already, or by the same file. */
function planNextDraft(
  published: CataloguePackage,
  desired: DesiredPackage | undefined,
  references: References,
): Finding[] {
  const { id, draft: stored } = published;
  const what = `draft of version ${published.version + 1} of ${nounOf(published)} "${id}"`;
  if (desired === undefined) {
    if (stored === null) return [];
    return [
      kept(`The ${what} is not in the file. It is kept. To discard it, delete it (deleteDraftPackage).`),
    ];
  }
  const former = { ...published, ...(stored ?? published) };
  const { features: grants, bases, prices } = stateAfter(desired, former, references);
  const draft = { features: grants, bases, prices };
  const changes = versionChanges(former, { ...draft, isAddon: published.isAddon });
  const step = { kind: 'changeNextDraft', package: { ...published, draft } } as const;
  if (stored === null)
    return [change(`New ${what}${changes.length > 0 ? `: ${changes.join('; ')}` : ''}.`, step)];
  return changes.length === 0 ? [] : [change(`The ${what}: ${changes.join('; ')}.`, step)];
}

function creation(created: CataloguePackage): Finding {
  if (!NewId.safeParse(created.id).success) return unseenId(nounOf(created), created.name);
  const message = `New ${created.status.toLowerCase()} ${nounOf(created)} "${created.id}".`;
  return change(message, { kind: 'createPackage', package: created });
}

/** A draft may change in any way, and be published. */
function planDraft(stored: CataloguePackage, after: CataloguePackage): Finding[] {
  const changes = [
    ...nameChange(stored, after),
    ...contentChanges(stored, after),
    ...priceAndMetadataChanges(stored, after),
  ];
  if (after.status === 'PUBLISHED') changes.push('is published permanently');
  if (changes.length === 0) return [];
  const message = `Draft ${nounOf(stored)} "${stored.id}": ${changes.join('; ')}.`;
  return [change(message, { kind: 'changeDraft', package: after })];
}

/** Subscribers depend on the content of a published version: other content is published as a new version. */
function planPublished(stored: CataloguePackage, after: CataloguePackage): Finding[] {
  const { id } = stored;
  const noun = nounOf(stored);
  if (after.status === 'DRAFT')
    return [
      refused(
        `Published ${noun} "${id}" cannot become a draft again: it stays published. To prepare its next version, list it as published too.`,
      ),
    ];
  if (after.isAddon !== stored.isAddon)
    return [
      refused(
        `Published ${noun} "${id}" stays ${stored.isAddon ? 'an add-on' : 'a base package'}: create a new package with another id.`,
      ),
    ];
  const content = contentChanges(stored, after);
  const changes = [...nameChange(stored, after), ...priceAndMetadataChanges(stored, after)];
  if (content.length > 0) {
    const version = stored.version + 1;
    const message = `Will publish version ${version} of ${noun} "${id}": ${[...content, ...changes].join('; ')}.`;
    return [change(message, { kind: 'publishVersion', package: { ...after, version, draft: null } })];
  }
  if (changes.length === 0) return [];
  const { name, prices, metadata } = after;
  const step = { kind: 'changePricesAndMetadata', package: { ...stored, name, prices, metadata } } as const;
  return [change(`Published ${noun} "${id}": ${changes.join('; ')}.`, step)];
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
  if (grant.alertAt.length > 0 && grant.limit == null) return ['which has alert_at and needs a limit'];
  if (feature.type === 'CONSUMABLE')
    return [...limitProblem(grant.limit, feature), ...alertProblem(grant.alertAtAmount, feature)];
  const isLimited = (grant.limit ?? grant.resetPeriod) !== null || grant.overageEnabled;
  if (isLimited) return ['which is BINARY and has no limit, overage or reset period'];
  return grant.alertAtAmount.length > 0 ? ['which is BINARY and has no alert_at_amount'] : [];
}

function limitProblem(limit: number | null | undefined, { precision }: CatalogueFeature): string[] {
  if (limit === undefined) return ['which is CONSUMABLE and needs a limit, or null for unlimited'];
  return limit === null || fits(amountOf(limit), precision)
    ? []
    : [`whose precision is ${precision}, and which cannot have the limit ${limit}`];
}

const alertProblem = (alertAtAmount: readonly number[], { precision }: CatalogueFeature): string[] =>
  alertAtAmount
    .filter((amount) => !fits(amountOf(amount), precision))
    .map((amount) => `whose precision is ${precision}, and which cannot have the alert_at_amount ${amount}`);

/** The package after publishing. A feature that it contains already keeps its name in the package. */
function stateAfter(
  desired: DesiredPackage,
  stored: CataloguePackage | undefined,
  { features, timeZone: environmentZone }: References,
): CataloguePackage {
  const former = new Map(stored?.features.map((feature) => [feature.featureId, feature]));
  const grants = desired.features.map(({ resetAnchor, timeZone, ...grant }): PackageFeature => {
    const known = former.get(grant.featureId);
    return {
      ...grant,
      name: grant.name ?? known?.name ?? features.get(grant.featureId)?.name ?? '',
      limit: grant.limit ?? null,
      timeZone: resetAnchor === 'CALENDAR' ? (timeZone ?? known?.timeZone ?? environmentZone) : null,
    };
  });
  return {
    ...desired,
    version: stored?.version ?? 1,
    draft: stored?.draft ?? null,
    features: grants,
    bases: desired.isAddon ? orStored(desired.bases, stored?.bases ?? []) : [],
    prices: orStored(desired.prices, stored?.prices ?? []),
    metadata: orStored(desired.metadata, stored === undefined ? {} : stored.metadata),
  };
}

const nounOf = ({ isAddon }: { isAddon: boolean }) => (isAddon ? 'add-on' : 'package');
