import type { Logger } from 'pino';
import type { OidcSettings } from '../config/oidc.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Gate } from '../http/gate.ts';
import { createHeavyWork, passwordWork } from '../http/heavy-work.ts';
import type { Route } from '../http/router.ts';
import { createAccounts } from './members/accounts.ts';
import { createAttempts } from './members/attempts.ts';
import type { Links } from './members/links.ts';
import { type Cost, createPasswords } from './members/passwords.ts';
import { createMemberRoutes } from './members/route.ts';
import { createSignIn } from './members/sign-in.ts';
import { createProvider } from './oidc/provider.ts';
import { createOidcRoutes } from './oidc/route.ts';
import type { Encryption } from './secrets/encryption.ts';
import type { SecretKey } from './secrets/secret-key.ts';
import { createSessionRoute } from './sessions/route.ts';
import type { Sessions } from './sessions/sessions.ts';

export interface PeopleDependencies {
  sessions: Sessions;
  /** For links and passwords of members. */
  secretKey: SecretKey;
  /** The OpenID Connect provider by which members may sign in; null: none. */
  oidc: OidcSettings | null;
  encryption: Encryption;
  basePath?: string;
  log: Logger;
  /** How costly passwords are to hash; see createPasswords. */
  passwordCost?: Cost | undefined;
}

/** Signing in to the console, and people's own accounts. */
export function createPeopleRoutes(
  { sessions, secretKey, passwordCost, oidc, encryption, basePath = '', log }: PeopleDependencies,
  db: PrismaClient,
  { gate, links }: { gate: Gate; links: Links },
): Record<string, Route> {
  const hashPasswords = createHeavyWork(passwordWork);
  const limit = <Result>(work: () => Promise<Result>) => hashPasswords('passwords', work);
  const accounts = createAccounts(db, createPasswords(secretKey, limit, passwordCost), links);
  const signIn = createSignIn(accounts, createAttempts());
  const provider = oidc === null ? null : createProvider(oidc);
  const ways = async () => ({
    oidc: provider?.name ?? null,
    hasMembers: (await db.memberRole.findFirst({ select: { role: true } })) !== null,
  });
  return {
    '/console/session': createSessionRoute({ sessions, signIn, ways }, gate),
    ...createMemberRoutes({ db, sessions, accounts, signIn }, gate),
    ...(provider === null
      ? {}
      : createOidcRoutes({ db, provider, sessions, encryption, basePath, log }, gate)),
  };
}
