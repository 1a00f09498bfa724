import type { AuditSubject } from '../generated/operations.ts';

/** Names of the audited objects. */
export const subjects: Record<AuditSubject, string> = {
  FEATURE: 'Feature',
  PACKAGE: 'Package',
  USER: 'User',
  SUBSCRIPTION: 'Subscription',
  MAPPING_RULE: 'Mapping rule',
  ENVIRONMENT: 'Environment',
  API_KEY: 'API key',
  IMPORT: 'Import',
  TOKEN_SECRET: 'Token secret',
  USAGE: 'Usage',
  FEATURE_GRANT: 'Feature grant',
  WEBHOOK: 'Webhook',
  TOP_UP: 'Top-up',
  BILLING: 'Billing',
  MIGRATION: 'Migration',
  MEMBER: 'Member',
  INVITATION: 'Invitation',
  SESSION: 'Session',
};

export const isSubject = (text: string | null): text is AuditSubject => text !== null && text in subjects;
