import { createAccount, setRole } from '../../src/auth/members/store.ts';
import type { Role } from '../../src/auth/permission-rules.ts';
import { createSessions } from '../../src/auth/sessions/sessions.ts';
import { type TestApp, testKey } from './app.ts';

let made = 0;

/** A member with this role; the id. */
export async function createMember(
  { database }: TestApp,
  environmentId: 'test' | 'live',
  role: Role,
  name = 'Ana Silva',
): Promise<string> {
  made += 1;
  const facts = { email: `member-${made}@example.com`, name, passwordHash: null };
  const { id } = await createAccount(database.prisma, facts);
  await setRole(database.prisma, environmentId, id, role);
  return id;
}

/** The cookie of a new member with this role, who is signed in. */
export async function memberSession(
  app: TestApp,
  environmentId: 'test' | 'live',
  role: Role,
  name?: string,
): Promise<string> {
  const { prisma: db, lookups } = app.database;
  const keyring = { identify: async () => null };
  const sessions = createSessions({ db, lookups, keyring, secretKey: testKey });
  const id = await createMember(app, environmentId, role, name);
  const [session] = await sessions.beginFor(id, [environmentId]);
  if (session === undefined) throw new Error('no session was made');
  const cookie = sessions.cookies.write({}, environmentId, session.token);
  return cookie.split(';', 1).join();
}
