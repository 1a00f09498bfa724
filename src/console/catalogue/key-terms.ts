import type { ApiKeyKind, ApiKeyScope, ApiKeysQuery } from '../generated/operations.ts';

export type Key = ApiKeysQuery['apiKeys'][number];

export const kinds: Record<ApiKeyKind, { label: string; prefix: string; use: string }> = {
  PRIVATE: { label: 'Private', prefix: 'prv', use: 'For your servers, and to sign in to this console.' },
  PUBLIC: { label: 'Public', prefix: 'pub', use: 'For browsers: reads what one user may see.' },
  WRITE: {
    label: 'Write',
    prefix: 'wrt',
    use: 'For event libraries: sends events, and can do nothing else.',
  },
};

export const scopes: Record<ApiKeyScope, string> = {
  read: 'Read everything',
  usage: 'Record and reserve usage',
  ingest: 'Send events',
  admin: 'Everything: also what the others allow',
};

/** The prefix and the last four characters of the key. */
export const shortOf = ({ kind, lastFour }: Pick<Key, 'kind' | 'lastFour'>, environment: string) =>
  `${kinds[kind].prefix}_${environment}_…${lastFour}`;

export const mayDoAll = ({ scopes: given }: Pick<Key, 'scopes'>) => given.includes('admin');

/** Whether the key does not work any more. */
export const isOver = ({ revokedAt, expiresAt }: Pick<Key, 'revokedAt' | 'expiresAt'>) =>
  revokedAt !== null || (expiresAt !== null && Date.parse(expiresAt) <= Date.now());
