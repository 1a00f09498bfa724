import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';

/* Users whose file would be far too long: it is given up before it is in memory. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await app.database.prisma.$executeRaw`
    INSERT INTO "user" (environment_id, id, metadata, created_at, updated_at)
    SELECT 'test', 'u' || n, jsonb_build_object('note', repeat('x', 16000)), now() + n * interval '1 ms', now()
    FROM generate_series(1, 3000) n`;
}, 60_000);
afterAll(() => app.close());

it('a file of more than 16 MiB is refused', async () => {
  expect(await app.fails('{ exportUsers }')).toMatchObject({
    message: 'first: the file is longer than 16 MiB; ask for fewer users at once',
    extensions: { code: 'BAD_USER_INPUT' },
  });
});

it('page by page it is there', async () => {
  const unload = 'query ($after: String) { exportUsers(first: 1000, after: $after) }';
  const ids: string[] = [];
  for (let after: string | undefined; ids.length < 3_000; after = ids.at(-1)) {
    const { exportUsers } = await app.ok(unload, { after });
    ids.push(...exportUsers.match(/^u\d+/gm));
  }
  expect(ids).toEqual(Array.from({ length: 3_000 }, (_, n) => `u${n + 1}`));
});

it('several at once are done one after another, or told to come back; recording goes on', async () => {
  const exports = Array.from({ length: 14 }, () =>
    app.http.post('/graphql').set('Authorization', app.keys.test).send({ query: '{ exportUsers }' }),
  );
  const answers = await Promise.all(exports);
  for (const { status, headers, body } of answers) {
    const { code } = body.errors[0].extensions;
    expect(['BAD_USER_INPUT', 'OVERLOADED']).toContain(code);
    if (code === 'OVERLOADED') expect([status, headers['retry-after']]).toEqual([503, '1']);
  }
  expect(answers.some(({ status }) => status === 503)).toBe(true);
});
