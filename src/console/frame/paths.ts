import { useMemo } from 'react';
import { useEnvironment } from '../api/hooks.ts';
import type { Environment } from '../api/request.ts';
import type { SegmentOutcome } from '../generated/operations.ts';

/** The addresses of the pages in an environment. Ids are the customer's, and can hold anything. */
export function pathsOf(environment: Environment) {
  const root = `/${environment}`;
  return {
    overview: root,
    features: `${root}/features`,
    feature: (id: string) => `${root}/features/${encodeURIComponent(id)}`,
    packages: `${root}/packages`,
    newPackage: `${root}/packages/new`,
    newPackageWith: (featureId: string) =>
      `${root}/packages/new?${new URLSearchParams({ feature: featureId })}`,
    package: (id: string) => `${root}/packages/${encodeURIComponent(id)}`,
    editPackage: (id: string) => `${root}/packages/${encodeURIComponent(id)}/edit`,
    users: `${root}/users`,
    user: (id: string) => `${root}/users/${encodeURIComponent(id)}`,
    flaggedUsers: `${root}/flagged-users`,
    sameEmail: `${root}/flagged-users#same-email`,
    withoutBillingId: `${root}/flagged-users#without-billing-id`,
    importUsers: `${root}/import-users`,
    segment: `${root}/segment`,
    unmatchedEvents: `${root}/segment#unmatched`,
    mappingRules: `${root}/segment#rules`,
    /** The events that arrived; those that became this, or all. */
    eventLog: (outcome?: SegmentOutcome) => `${root}/segment${outcome ? `?outcome=${outcome}` : ''}#events`,
    configuration: `${root}/configuration`,
    catalogue: `${root}/configuration/catalogue`,
    auditLog: `${root}/configuration/audit-log`,
    /** What changed about one thing; of a user, also what changed about the subscriptions. */
    history: (about: 'FEATURE' | 'PACKAGE' | 'USER', id: string) =>
      `${root}/configuration/audit-log?${new URLSearchParams(about === 'USER' ? { user: id } : { about, id })}`,
  };
}

export function usePaths() {
  const environment = useEnvironment();
  return useMemo(() => pathsOf(environment), [environment]);
}
