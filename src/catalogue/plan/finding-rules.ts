import { createHash } from 'node:crypto';
import type { CatalogueFeature, CataloguePackage, PackageFeature } from '../rules.ts';

/** One write to the catalogue. */
export type CatalogueStep =
  | { kind: 'createFeature'; feature: CatalogueFeature }
  | { kind: 'changeFeature'; feature: CatalogueFeature }
  | { kind: 'createPackage'; package: CataloguePackage }
  | { kind: 'changeDraft'; package: CataloguePackage }
  /** Of a published package, only prices and metadata change. */
  | { kind: 'changePricesAndMetadata'; package: CataloguePackage };

/** One difference between file and catalogue, as a sentence, with the step that removes it, if there is one. */
export type Finding =
  | { kind: 'CHANGE'; message: string; step: CatalogueStep }
  | { kind: 'REFUSED' | 'KEPT'; message: string; step?: undefined };

/** A difference that publishing removes. */
export const change = (message: string, step: CatalogueStep): Finding => ({ kind: 'CHANGE', message, step });

/** A difference that publishing cannot remove. */
export const refused = (message: string): Finding => ({ kind: 'REFUSED', message });

/** Something that is not in the file and stays. */
export const kept = (message: string): Finding => ({ kind: 'KEPT', message });

const prefixes = { CHANGE: '', REFUSED: '[ERROR] ', KEPT: '[WARNING] ' };

/** A finding as the `kana` command shows it. */
export const lineOf = ({ kind, message }: Finding): string => `${prefixes[kind]}${message}`;

/** Whether the step cannot be undone: packages stay published. */
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
  return step?.kind === 'createPackage' || step?.kind === 'changeDraft' ? step.package : null;
}

const periods = { DAY: 'a day', MONTH: 'a month', YEAR: 'a year' };

function grantOf({ limit, resetPeriod, overageEnabled }: PackageFeature): string {
  if (limit === null) return 'without limit';
  const period = resetPeriod === null ? 'in all' : periods[resetPeriod];
  return `${limit} ${period}${overageEnabled ? ', more allowed' : ''}`;
}

/** A hash of the plan. Equal plans have equal fingerprints. */
export function fingerprintOf(findings: readonly Finding[]): string {
  return createHash('sha256').update(JSON.stringify(findings)).digest('hex').slice(0, 32);
}
