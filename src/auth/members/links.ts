import { createHmac, randomBytes } from 'node:crypto';
import type { SecretKey } from '../secrets/secret-key.ts';
import { formatLinkToken, isLinkToken, type LinkKind } from './rules.ts';

/** Links that admins make for other people. The database holds a keyed hash of each token. */
export interface Links {
  create(kind: LinkKind): { token: string; tokenHash: string };
  /** Returns the hash of a token; null if it is none of this kind. */
  hashOf(kind: LinkKind, token: string): string | null;
}

const tokenBytes = 32;

export function createLinks(secretKey: SecretKey): Links {
  const key = secretKey.derive('member links');
  const hash = (token: string) => createHmac('sha256', key).update(token).digest('hex');
  return {
    create(kind) {
      const token = formatLinkToken(kind, randomBytes(tokenBytes));
      return { token, tokenHash: hash(token) };
    },
    hashOf: (kind, token) => (isLinkToken(kind, token) ? hash(token) : null),
  };
}
