import { createHash } from 'node:crypto';
import type { CataloguePackage, PackageFeature } from '../rules.ts';
import type { Finding } from './finding-rules.ts';

// What somebody should know before saying yes to a plan.

/** Whether it cannot be undone: packages stay published. */
export const isFinal = (finding: Finding): boolean => packageOf(finding)?.status === 'PUBLISHED';

/** What a package that is made or published will hold, in phrases; empty for everything else. */
export function detailsOf(finding: Finding): string[] {
  const made = packageOf(finding);
  if (made === null || !(isFinal(finding) || finding.step?.kind === 'createPackage')) return [];
  const { features, bases, prices, isAddon } = made;
  const open = bases.length === 0 ? 'every base package' : bases.map((id) => `"${id}"`).join(', ');
  return [
    ...features.map((grant) => `"${grant.featureId}": ${grantOf(grant)}`),
    ...(isAddon ? [`open to subscribers of ${open}`] : []),
    ...prices.map(({ id, provider }) => `price "${id}" of ${provider}`),
  ];
}

/** The package that is made or changed as a whole; null if none is. */
function packageOf({ step }: Finding): CataloguePackage | null {
  return step?.kind === 'createPackage' || step?.kind === 'changeDraft' ? step.package : null;
}

const periods = { DAY: 'a day', MONTH: 'a month', YEAR: 'a year' };

function grantOf({ limit, resetPeriod, overageEnabled }: PackageFeature): string {
  if (limit === null) return 'without limit';
  const period = resetPeriod === null ? 'in all' : periods[resetPeriod];
  return `${limit} ${period}${overageEnabled ? ', more allowed' : ''}`;
}

/** The same for plans that do the same, and for no others. */
export function fingerprintOf(findings: readonly Finding[]): string {
  return createHash('sha256').update(JSON.stringify(findings)).digest('hex').slice(0, 32);
}
