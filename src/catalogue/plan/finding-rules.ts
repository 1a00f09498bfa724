import { createHash } from 'node:crypto';
import { resetWords } from '../../packages/reset-rules.ts';
import type { CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';

/** One write to the catalogue. */
export type CatalogueStep =
  | { kind: 'createFeature'; feature: CatalogueFeature }
  | { kind: 'changeFeature'; feature: CatalogueFeature }
  | { kind: 'createPackage'; package: CataloguePackage }
  | { kind: 'changeDraft'; package: CataloguePackage }
  /** Of a published package, name, prices and metadata change without a new version. */
  | { kind: 'changePricesAndMetadata'; package: CataloguePackage }
  /** The package with the contents of its next version, which are published. */
  | { kind: 'publishVersion'; package: CataloguePackage }
  /** The package with the draft of its next version. */
  | { kind: 'changeNextDraft'; package: CataloguePackage };

/** One difference between file and catalogue, as a sentence, with the step that removes it, if there is one. */
export type Finding =
  | {
      kind: 'CHANGE';
      message: string;
      step: CatalogueStep;
      /** A sentence about the users whom it concerns. It is no part of the plan: their number changes by itself. */
      note?: string;
    }
  | { kind: 'REFUSED' | 'KEPT'; message: string; step?: undefined; note?: undefined };

/** A difference that publishing removes. */
export const change = (message: string, step: CatalogueStep): Finding => ({ kind: 'CHANGE', message, step });

/** A difference that publishing cannot remove. */
export const refused = (message: string): Finding => ({ kind: 'REFUSED', message });

/** An id that cannot be chosen any more; see NewId. */
export const unseenId = (noun: string, name: string): Finding =>
  refused(`The id of the new ${noun} "${name}" must hold a visible character.`);

/** Something that is not in the file and stays. */
export const kept = (message: string): Finding => ({ kind: 'KEPT', message });

const prefixes = { CHANGE: '', REFUSED: '[ERROR] ', KEPT: '[WARNING] ' };

/** A finding as the `kana` command shows it. */
export const lineOf = (finding: Finding): string => `${prefixes[finding.kind]}${sentenceOf(finding)}`;

/** A finding in words. */
export const sentenceOf = ({ message, note }: Finding): string =>
  note === undefined ? message : `${message} ${note}`;

/** The packages of which a new version is published. */
export const newVersions = (findings: readonly Finding[]): CataloguePackage[] =>
  findings.flatMap(({ step }) => (step?.kind === 'publishVersion' ? step.package : []));

/** How many users hold a version of a package. */
export interface Subscribers {
  packageId: string;
  version: number;
  count: number;
}

/** The findings with what becomes of the subscribers of packages that get a new version. */
export const withSubscribers = (
  findings: readonly Finding[],
  subscribers: readonly Subscribers[],
): Finding[] =>
  findings.map((finding) => {
    if (finding.kind !== 'CHANGE' || finding.step.kind !== 'publishVersion') return finding;
    const { id } = finding.step.package;
    const held = subscribers.filter(({ packageId }) => packageId === id);
    return { ...finding, note: noteOf(held) };
  });

function noteOf(held: readonly Subscribers[]): string {
  const parts = [...held]
    .sort((a, b) => a.version - b.version)
    .map(({ version, count }) =>
      count === 1
        ? `1 subscriber stays on version ${version}`
        : `${count} subscribers stay on version ${version}`,
    );
  return parts.length === 0 ? 'Nobody is subscribed to it.' : `${parts.join(', ')}.`;
}

/** Whether the step cannot be undone once somebody subscribes: packages stay published. */
export const isFinal = (finding: Finding): boolean => packageOf(finding)?.status === 'PUBLISHED';

/** The content of a package that is created or published, in phrases; empty for other findings. */
export function detailsOf(finding: Finding): string[] {
  const created = packageOf(finding);
  if (created === null || !(isFinal(finding) || finding.step?.kind === 'createPackage')) return [];
  const { features, bases, prices, isAddon } = created;
  const open = bases.length === 0 ? 'every base package' : bases.map((id) => `"${id}"`).join(', ');
  return [
    ...features.map((grant) => `"${grant.featureId}": ${grantOf(grant)}`),
    ...(isAddon ? [`open to subscribers of ${open}`] : []),
    ...prices.map(({ id, provider }) => `price "${id}" of ${provider}`),
  ];
}

/** The package that is created or changed as a whole; null if there is none. */
function packageOf({ step }: Finding): CataloguePackage | null {
  return step?.kind === 'createPackage' || step?.kind === 'changeDraft' || step?.kind === 'publishVersion'
    ? step.package
    : null;
}

function grantOf({ limit, resetPeriod, resetEvery, timeZone, overageEnabled }: PackageFeature): string {
  if (limit === null) return 'without limit';
  const period = resetPeriod === null ? 'in all' : resetWords({ resetPeriod, resetEvery, timeZone });
  return `${limit} ${period}${overageEnabled ? ', more allowed' : ''}`;
}

/** What a finding adds to the fingerprint of its plan. */
export const textOf = ({ note: _, ...finding }: Finding): string => JSON.stringify(finding);

/** A hash of the plan, from the texts of its findings. Equal plans have equal fingerprints. */
export const fingerprintOf = (texts: readonly string[]): string =>
  createHash('sha256').update(`[${texts.join()}]`).digest('hex').slice(0, 32);
