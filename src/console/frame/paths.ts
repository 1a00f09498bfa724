import { useMemo } from 'react';
import { useEnvironment } from '../api/hooks.ts';
import type { Environment } from '../api/request.ts';
import type { SegmentOutcome } from '../generated/operations.ts';
import { dayBefore } from '../parts/days.ts';

/** The URLs of the pages in an environment. Ids may contain any character. */
export function pathsOf(environment: Environment) {
  const root = `/${environment}`;
  return {
    overview: root,
    features: `${root}/features`,
    newFeature: `${root}/features#new`,
    feature: (id: string) => `${root}/features/${encodeURIComponent(id)}`,
    packages: `${root}/packages`,
    newPackage: `${root}/packages/new`,
    newPackageWith: (featureId: string) =>
      `${root}/packages/new?${new URLSearchParams({ feature: featureId })}`,
    package: (id: string) => `${root}/packages/${encodeURIComponent(id)}`,
    packageVersion: (id: string, version: number) =>
      `${root}/packages/${encodeURIComponent(id)}?version=${version}`,
    migrate: (id: string) => `${root}/packages/${encodeURIComponent(id)}/migrate`,
    editPackage: (id: string) => `${root}/packages/${encodeURIComponent(id)}/edit`,
    users: `${root}/users`,
    newUser: `${root}/users#new`,
    user: (id: string) => `${root}/users/${encodeURIComponent(id)}`,
    flaggedUsers: `${root}/flagged-users`,
    sameEmail: `${root}/flagged-users#same-email`,
    withoutBillingId: `${root}/flagged-users#without-billing-id`,
    importUsers: `${root}/import-users`,
    segment: `${root}/segment`,
    unmatchedEvents: `${root}/segment#unmatched`,
    mappingRules: `${root}/segment#rules`,
    /** The event log, optionally with one outcome. */
    eventLog: (outcome?: SegmentOutcome) => `${root}/segment${outcome ? `?outcome=${outcome}` : ''}#events`,
    configuration: `${root}/configuration`,
    catalogue: `${root}/configuration/catalogue`,
    webhooks: `${root}/configuration/webhooks`,
    stripe: `${root}/configuration/stripe`,
    members: `${root}/configuration/members`,
    invite: `${root}/configuration/members#invite`,
    account: `${root}/account`,
    auditLog: `${root}/configuration/audit-log`,
    /** The audit log from a day on, a week ago. */
    lastWeek: () => `${root}/configuration/audit-log?from=${dayBefore(6)}`,
    /** The audit log of one object; for a user, also of the user's subscriptions. */
    history: (about: 'FEATURE' | 'PACKAGE' | 'USER', id: string) =>
      `${root}/configuration/audit-log?${new URLSearchParams(about === 'USER' ? { user: id } : { about, id })}`,
  };
}

export function usePaths() {
  const environment = useEnvironment();
  return useMemo(() => pathsOf(environment), [environment]);
}
