import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createMember, memberSession } from '../../helpers/members.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const password = 'correct horse battery';
let count = 0;
const newEmail = () => {
  count += 1;
  return `person-${count}@example.com`;
};

/** What a browser sends back of the cookies of an answer. */
const cookiesOf = ({ headers }: { headers: Record<string, unknown> }) =>
  [headers['set-cookie'] ?? []]
    .flat()
    .map((each) => String(each).split(';', 1).join())
    .join('; ');

interface Asked {
  cookie?: string;
  environment?: string;
  address?: string;
}

const ask = (
  method: 'get' | 'post' | 'put' | 'patch' | 'delete',
  path: string,
  body: object = {},
  { cookie = '', environment = '', address = '' }: Asked = {},
) =>
  app.http[method](`/console/${path}`)
    .set({ 'X-Kana-Console': environment, Cookie: cookie, 'X-Forwarded-For': address })
    .send(body);

const inviteQuery = `mutation ($email: String!, $role: MemberRole!) {
  inviteMember(email: $email, role: $role) { link invitation { id email role expiresAt invitedBy { label } } } }`;

async function invite(email: string, role = 'EDITOR', key = app.keys.test) {
  const { inviteMember } = await app.ok(inviteQuery, { email, role }, key);
  return { ...inviteMember, token: inviteMember.link.split('#')[1] as string };
}

/** A person who accepted an invitation: the email, and the cookies. */
async function join(role = 'EDITOR', key = app.keys.test, email = newEmail()) {
  const { token } = await invite(email, role, key);
  const accepted = await ask('put', 'invitation', { token, name: 'Ana Silva', password });
  expect(accepted.status).toBe(200);
  return { email, cookie: cookiesOf(accepted) };
}

const send = (query: string, cookie: string, environment = 'test') =>
  app.http.post('/graphql').set({ 'X-Kana-Console': environment, Cookie: cookie }).send({ query });

const idOf = async (email: string) =>
  (await app.database.prisma.member.findUniqueOrThrow({ where: { email } })).id;

describe('an invitation', () => {
  test('is a link that is shown once, with its token after the #', async () => {
    const { link, token, invitation } = await invite('  Bea@Example.com ', 'VIEWER');
    expect(link).toBe(`${app.url}/invitation#${token}`);
    expect(invitation).toEqual({
      id: expect.any(String),
      ...{ email: 'bea@example.com', role: 'VIEWER', expiresAt: expect.any(String) },
      invitedBy: { label: `Private key …${app.keys.test.slice(-4)}` },
    });
    const days = (Date.parse(invitation.expiresAt) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(6.9);
    const rows = await app.database.prisma.invitation.findMany();
    expect(JSON.stringify(rows)).not.toContain(token);
    expect((await ask('post', 'invitation', { token })).body).toEqual({
      ...{ email: 'bea@example.com', role: 'VIEWER', environment: 'test', hasAccount: false },
    });
  });

  test('makes a member, who signs in with the password', async () => {
    const email = newEmail();
    const { token } = await invite(email, 'EDITOR');
    const accepted = await ask('put', 'invitation', { token, name: ' Ana Silva ', password });
    expect(accepted.body.sessions).toEqual([
      {
        environment: 'test',
        lastFour: null,
        member: { name: 'Ana Silva', email, role: 'EDITOR' },
        permissions: ['read', 'usage', 'ingest', 'edit'],
        expiresAt: expect.any(String),
      },
    ]);
    expect((await send('{ features { id } }', cookiesOf(accepted))).body.data.features).toBeDefined();
    const again = await ask('post', 'session', { email: email.toUpperCase(), password });
    expect(again.body.sessions[0].member.name).toBe('Ana Silva');
    expect((await send('{ features { id } }', cookiesOf(again))).status).toBe(200);
    const wrong = await ask('post', 'session', { email, password: 'correct horse batterx' });
    expect(wrong.status).toBe(401);
    expect(wrong.headers['set-cookie']).toBeUndefined();
  });

  test('works once', async () => {
    const { token } = await invite(newEmail());
    const accepted = Array.from({ length: 3 }, () =>
      ask('put', 'invitation', { token, name: 'Ana', password }),
    );
    const statuses = (await Promise.all(accepted)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 404, 404]);
    expect((await ask('post', 'invitation', { token })).status).toBe(404);
  });

  test('is withdrawn by another one to the same address, and by hand', async () => {
    const email = newEmail();
    const [first, second] = [await invite(email, 'VIEWER'), await invite(email, 'ADMIN')];
    expect((await ask('post', 'invitation', { token: first.token })).status).toBe(404);
    expect((await ask('post', 'invitation', { token: second.token })).body.role).toBe('ADMIN');
    const revoke = `mutation { revokeInvitation(id: "${second.invitation.id}") { email } }`;
    expect((await app.fails(revoke, {}, app.keys.live)).extensions.exception?.name).toBe(
      'InvitationNotFoundError',
    );
    await app.ok(revoke);
    expect((await ask('post', 'invitation', { token: second.token })).status).toBe(404);
    expect((await app.fails(revoke)).extensions.exception?.name).toBe('InvitationNotFoundError');
  });

  test('is worth nothing after seven days', async () => {
    const { token, invitation } = await invite(newEmail());
    await app.database.prisma.invitation.updateMany({
      where: { id: invitation.id },
      data: { createdAt: new Date(0), expiresAt: new Date(Date.now() - 1) },
    });
    expect((await ask('put', 'invitation', { token, name: 'Ana', password })).status).toBe(404);
    const { invitations } = await app.ok('{ invitations { id } }');
    expect(invitations).not.toContainEqual({ id: invitation.id });
  });

  test.each([
    [{ name: 'Ana', password: 'short' }, 'password: must be at least 12 characters'],
    [{ name: 'Ana' }, 'password: must be a text'],
    [{ name: '  ', password }, 'name: must not be blank'],
  ])('is not used up by bad input: %j', async (given, message) => {
    const { token } = await invite(newEmail());
    const refused = await ask('put', 'invitation', { token, ...given });
    expect([refused.status, refused.body.errors[0].message]).toEqual([400, message]);
    expect((await ask('post', 'invitation', { token })).status).toBe(200);
  });

  test.each(['', 'inv_', `inv_${'a'.repeat(43)}`, `pwd_${'a'.repeat(43)}`, 7, null])(
    'cannot be guessed: %j',
    async (token) => {
      expect((await ask('post', 'invitation', { token })).status).toBe(404);
      expect((await ask('put', 'invitation', { token, name: 'Ana', password })).status).toBe(404);
    },
  );

  test('is refused for a member, and with a bad address', async () => {
    const { email } = await join();
    const again = await app.fails(inviteQuery, { email, role: 'ADMIN' });
    expect(again.extensions).toMatchObject({
      code: 'CONFLICT',
      exception: { name: 'MemberAlreadyExistsError' },
    });
    const bad = await app.fails(inviteQuery, { email: 'nobody', role: 'ADMIN' });
    expect(bad.message).toBe('email: must be an email address');
  });

  test('to another environment needs the account itself', async () => {
    const { email, cookie } = await join('ADMIN');
    const { token } = await invite(email, 'VIEWER', app.keys.live);
    expect((await ask('post', 'invitation', { token })).body.hasAccount).toBe(true);
    // Whoever has the link alone gets nothing, and cannot set a password.
    const other = { token, name: 'Mallory', password: 'another password' };
    expect((await ask('put', 'invitation', other)).status).toBe(401);
    const mallory = await memberSession(app, 'test', 'ADMIN');
    expect((await ask('put', 'invitation', other, { cookie: mallory })).status).toBe(401);

    const accepted = await ask('put', 'invitation', { token }, { cookie });
    expect(accepted.body.sessions.map(({ environment }: { environment: string }) => environment)).toEqual(
      expect.arrayContaining(['test', 'live']),
    );
    expect((await send('{ features { id } }', cookiesOf(accepted), 'live')).status).toBe(200);
    // The password is still that of the account.
    expect((await ask('post', 'session', { email, password })).body.sessions).toHaveLength(2);
  });
});

describe('a member of test', () => {
  test('sees nothing of live', async () => {
    const { cookie } = await join('ADMIN');
    expect((await send('{ features { id } }', cookie, 'live')).status).toBe(401);
    const renamed = cookie.replace('console_test=', 'console_live=');
    expect((await send('{ features { id } }', renamed, 'live')).status).toBe(401);
    await createMember(app, 'live', 'ADMIN', 'Only In Live');
    const { body } = await send('{ members { name email role } }', cookie);
    expect(JSON.stringify(body)).not.toContain('Only In Live');
  });

  test('has the new role within five seconds, and nothing once removed', async () => {
    const { email, cookie } = await join('VIEWER');
    await join('ADMIN');
    const id = await idOf(email);
    const create = 'mutation { createFeature(input: { id: "X", name: "X", type: BINARY }) { id } }';
    const { body } = await send(create, cookie);
    expect(body.errors[0].extensions.code).toBe('FORBIDDEN');
    expect(body.errors[0].message).toBe(
      'Forbidden: createFeature needs the role EDITOR. Ask an admin of this environment for it.',
    );
    await app.ok(`mutation { changeMemberRole(id: "${id}", role: EDITOR) { role } }`);
    const other = cookiesOf(await ask('post', 'session', { email, password }));
    expect((await send(create, other)).body.data).not.toBeNull();

    await app.ok(`mutation { removeMember(id: "${id}") { email } }`);
    expect(await app.database.prisma.consoleSession.count({ where: { memberId: id } })).toBe(0);
    expect((await ask('post', 'session', { email, password })).status).toBe(401);
  });

  test('who was removed begins anew with another invitation', async () => {
    const { email } = await join('VIEWER');
    await app.ok(`mutation { removeMember(id: "${await idOf(email)}") { email } }`);
    const { token } = await invite(email);
    expect((await ask('post', 'invitation', { token })).body.hasAccount).toBe(false);
    const given = { token, name: 'Ana', password: 'another password' };
    expect((await ask('put', 'invitation', given)).status).toBe(200);
    expect((await ask('post', 'session', { email, password })).status).toBe(401);
    expect((await ask('post', 'session', { email, password: given.password })).status).toBe(200);
  });
});

test('the last admin stays, however many ask at once', async () => {
  const key = app.keys.live;
  await app.database.prisma.memberRole.deleteMany({ where: { environmentId: 'live', role: 'ADMIN' } });
  const ids = [await createMember(app, 'live', 'ADMIN'), await createMember(app, 'live', 'ADMIN')];
  const change = ids.map((id, index) =>
    index === 0
      ? `mutation { removeMember(id: "${id}") { id } }`
      : `mutation { changeMemberRole(id: "${id}", role: EDITOR) { id } }`,
  );
  const answers = await Promise.all(
    change.map((query) => app.http.post('/graphql').set('Authorization', key).send({ query })),
  );
  const names = answers.map(({ body }) => body.errors?.[0].extensions.exception.name ?? 'done');
  expect(names.sort()).toEqual(['LastAdminError', 'done']);
  const admins = { environmentId: 'live', role: 'ADMIN' } as const;
  expect(await app.database.prisma.memberRole.count({ where: admins })).toBe(1);
});

describe('a link to set a password', () => {
  const create = async (id: string, key = app.keys.test) => {
    const query = `mutation { createPasswordLink(id: "${id}") { link expiresAt } }`;
    return (await app.ok(query, {}, key)).createPasswordLink.link.split('#')[1] as string;
  };

  test('works once, and ends all sessions', async () => {
    const { email, cookie } = await join();
    const token = await create(await idOf(email));
    expect((await ask('post', 'password', { token })).body).toEqual({ email });
    expect((await ask('put', 'password', { token, password: 'short' })).status).toBe(400);
    const set = await ask('put', 'password', { token, password: 'another password' });
    expect(set.body.sessions[0].member.email).toBe(email);
    expect((await send('{ features { id } }', cookie)).status).toBe(401);
    expect((await send('{ features { id } }', cookiesOf(set))).status).toBe(200);
    expect((await ask('put', 'password', { token, password: 'another password' })).status).toBe(404);
    expect((await ask('post', 'session', { email, password })).status).toBe(401);
  });

  test('cannot be made by an admin of test for a member of live', async () => {
    const { email } = await join('VIEWER');
    const { token } = await invite(email, 'ADMIN', app.keys.live);
    await ask('put', 'invitation', { token, password });
    const query = `mutation { createPasswordLink(id: "${await idOf(email)}") { link } }`;
    expect((await app.fails(query)).extensions.code).toBe('FORBIDDEN');
    const cookie = await memberSession(app, 'test', 'ADMIN');
    expect((await send(query, cookie)).body.errors[0].extensions.code).toBe('FORBIDDEN');
  });
});

describe('the own account', () => {
  test('shows and changes the name and the password; other sessions end', async () => {
    const { email, cookie } = await join('VIEWER');
    const other = cookiesOf(await ask('post', 'session', { email, password }));
    const own = { cookie, environment: 'test' };
    const { body } = await ask('get', 'account', {}, own);
    expect(body).toMatchObject({ name: 'Ana Silva', email, hasPassword: true });
    expect(body.sessions.map(({ isThis }: { isThis: boolean }) => isThis).sort()).toEqual([false, true]);

    expect((await ask('patch', 'account', { name: 'Ana Souza' }, own)).status).toBe(204);
    const wrong = { current: 'not the password', password: 'another password' };
    const refused = await ask('patch', 'account', wrong, own);
    expect(refused.body.errors[0].message).toBe('current: is not the current password');
    const right = { ...wrong, current: password };
    expect((await ask('patch', 'account', right, own)).status).toBe(204);
    expect((await send('{ features { id } }', other)).status).toBe(401);
    expect((await ask('get', 'account', {}, own)).body).toMatchObject({ name: 'Ana Souza' });
    expect((await ask('delete', 'account', {}, own)).status).toBe(204);
    expect((await send('{ features { id } }', cookie)).status).toBe(401);
  });

  test('is nobody’s with a private key', async () => {
    const cookie = cookiesOf(await ask('post', 'session', { key: app.keys.test }));
    expect((await ask('get', 'account', {}, { cookie, environment: 'test' })).status).toBe(403);
    expect((await ask('get', 'account', {}, { environment: 'test' })).status).toBe(401);
  });
});

describe('guessing', () => {
  test('is slowed down, by account whether it exists or not', async () => {
    const { email } = await join();
    for (const account of [email, newEmail()]) {
      const statuses: number[] = [];
      for (let n = 1; n <= 7; n += 1) {
        const address = `198.51.100.${n}`;
        const tried = await ask('post', 'session', { email: account, password: 'wrong' }, { address });
        statuses.push(tried.status);
        if (tried.status === 429) expect(Number(tried.headers['retry-after'])).toBeGreaterThan(0);
      }
      expect(statuses).toEqual([401, 401, 401, 401, 401, 401, 429]);
    }
  });

  test('is slowed down by address', async () => {
    const address = '203.0.113.7';
    for (let n = 0; n < 21; n += 1)
      await ask('post', 'session', { email: newEmail(), password: 'wrong' }, { address });
    const last = await ask('post', 'session', { email: newEmail(), password: 'wrong' }, { address });
    expect(last.status).toBe(429);
  });
});

test('sessions are listed, of members and keys, and ended by an admin', async () => {
  const { email, cookie } = await join('VIEWER');
  await ask('post', 'session', { key: app.keys.test });
  const { sessions } = await app.ok(
    '{ sessions { id member { email } owner { label } createdAt lastSeenAt expiresAt } }',
  );
  type Listed = { id: string; member: { email: string } | null; owner: { label: string } };
  expect(sessions.filter(({ member }: Listed) => member === null)[0].owner.label).toBe(
    `Console, key …${app.keys.test.slice(-4)}`,
  );
  const { id, owner } = sessions.find(({ member }: Listed) => member?.email === email);
  expect(owner.label).toBe(`Ana Silva (${email})`);
  const revoke = `mutation { revokeSession(id: "${id}") { id } }`;
  expect((await app.fails(revoke, {}, app.keys.live)).extensions.code).toBe('NOT_FOUND');
  await app.ok(revoke);
  expect((await send('{ features { id } }', cookie)).status).toBe(401);
  expect((await app.fails(revoke)).extensions.exception?.name).toBe('SessionNotFoundError');
});

test('the audit log names the person, is filtered by person and time, and holds no password', async () => {
  const { email, cookie } = await join('EDITOR');
  await send('mutation { createFeature(input: { id: "BY_ANA", name: "X", type: BINARY }) { id } }', cookie);
  const memberId = await idOf(email);
  const query = `query ($memberId: String, $from: DateTime, $to: DateTime) {
    auditLog(memberId: $memberId, from: $from, to: $to) { action subjectId author { kind memberId label } } }`;
  const { auditLog } = await app.ok(query, { memberId });
  const author = { kind: 'CONSOLE', memberId, label: `Ana Silva (${email})` };
  expect(auditLog).toEqual([
    { action: 'createFeature', subjectId: 'BY_ANA', author },
    { action: 'acceptInvitation', subjectId: memberId, author },
  ]);
  const soon = new Date(Date.now() + 60_000).toISOString();
  expect((await app.ok(query, { memberId, from: soon })).auditLog).toEqual([]);
  expect((await app.ok(query, { memberId, to: soon })).auditLog).toHaveLength(2);
  expect((await app.fails(query, { from: soon, to: soon })).message).toBe('to: must be after from');
  const entries = await app.database.prisma.auditEntry.findMany();
  const text = JSON.stringify(entries, (_name, value) => (typeof value === 'bigint' ? `${value}` : value));
  expect(text).not.toContain(password);
  expect(text).not.toMatch(/scrypt|inv_|pwd_|@example/);
});
