import type { Author } from '../audit/rules.ts';

/** What is known of who calls the admin API. */
interface Caller {
  environmentId: string;
  keyId: string;
  lastFour: string;
  through: 'PRIVATE_KEY' | 'CONSOLE';
}

/** Who a caller is in the audit log. Nobody changes anything, in no environment. */
export function authorOf(caller: Caller | null, requestId: string | null = null): Author {
  return {
    environmentId: caller?.environmentId ?? '',
    kind: caller?.through ?? 'PRIVATE_KEY',
    keyId: caller?.keyId ?? null,
    lastFour: caller?.lastFour ?? null,
    requestId,
  };
}
