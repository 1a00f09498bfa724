import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { PrismaPg } from '@prisma/adapter-pg';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { PrismaClient } from '../../src/database/generated/client.ts';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';
import { ensureBuilt, run } from '../helpers/process.ts';

let testDatabase: TestDatabase;
let database: Database;
/** The instant of the upgrade is the one of the template's migrations, which is before each test. */
let upgrade: string;
const winter = new Date('2026-01-15T18:00:00.123Z');
const summer = new Date('2026-07-01T18:00:00.123Z');

beforeAll(ensureBuilt);
beforeEach(async () => {
  testDatabase = await createTestDatabase();
  database = openDatabase(testDatabase.url);
  await database.prisma.environment.create({ data: { id: 'test', appId: 'a' } });
  const { rows } = await database.work.query(
    `select min(started_at) as at from _prisma_migrations where migration_name like '20261128%'`,
  );
  upgrade = rows[0].at.toISOString();
});
afterEach(async () => {
  await database.close();
  await testDatabase.drop();
});

/** Writes as versions before e7a1189 did: through Prisma, in a session whose time zone is not UTC. */
async function writeWrong(zone: string, rows: Record<string, Date>): Promise<void> {
  const adapter = new PrismaPg({ connectionString: testDatabase.url, options: `-c timezone=${zone}` });
  const prisma = new PrismaClient({ adapter });
  for (const [id, instant] of Object.entries(rows))
    await prisma.user.create({
      data: { environmentId: 'test', id, createdAt: instant, updatedAt: instant },
    });
  await prisma.$disconnect();
}

const repair = (...words: string[]) =>
  run('dist/bundle/repair-timestamps.js', words, { DATABASE_URL: testDatabase.url });

/** When the users were made, as PostgreSQL has it. */
async function created(): Promise<Record<string, string>> {
  const { rows } = await database.hot.query<{ id: string; at: Date }>(
    'select id, created_at as at from "user" order by id',
  );
  return Object.fromEntries(rows.map(({ id, at }) => [id, at.toISOString()]));
}

test.each([
  ['Europe/Berlin', '2026-01-15T17:00:00.123Z', '2026-07-01T16:00:00.123Z'],
  ['America/New_York', '2026-01-15T23:00:00.123Z', '2026-07-01T22:00:00.123Z'],
])(
  'instants that an earlier version wrote in %s are told, and corrected once on demand',
  async (zone, wrongWinter, wrongSummer) => {
    await writeWrong(zone, { winter, summer });
    const now = new Date();
    await database.prisma.user.create({ data: { environmentId: 'test', id: 'later', createdAt: now } });
    const later = now.toISOString();
    expect(await created()).toEqual({ winter: wrongWinter, summer: wrongSummer, later });

    // West of UTC the row of the present version is unclear.
    const found = new RegExp(
      `^Values before ${upgrade}, written in ${zone}:\n(.*\n)*` +
        'test  user.created_at  2 wrong.*\ntest  user.updated_at  2 wrong.*\n',
    );
    const told = await repair('--zone', zone);
    expect(told).toMatchObject({ code: 0, stderr: '' });
    expect(told.stdout).toMatch(found);
    expect(told.stdout).toMatch(/\nNothing is changed: add --apply to correct them\.\n$/);
    expect(await created()).toEqual({ winter: wrongWinter, summer: wrongSummer, later });

    const corrected = await repair('--zone', zone, '--apply');
    expect(corrected).toMatchObject({ code: 0, stderr: '' });
    expect(corrected.stdout).toMatch(found);
    expect(corrected.stdout).toMatch(/\nCorrected\.\n$/);
    const right = { winter: winter.toISOString(), summer: summer.toISOString(), later };
    expect(await created()).toEqual(right);
    const [entry] = await database.prisma.auditEntry.findMany();
    expect(entry).toMatchObject({
      environmentId: 'test',
      action: 'repairTimestamps',
      authorKind: 'COMMAND',
      after: { zone, until: upgrade, 'user.created_at': 2, 'user.updated_at': 2 },
    });

    const again = await repair('--zone', zone, '--apply');
    expect(again).toMatchObject({ code: 1, stdout: '' });
    expect(again.stderr).toMatch(/^The timestamps were repaired at \S+, and are right\.\n$/);
    expect(await created()).toEqual(right);
  },
);

test('west of UTC, what may be of either version is told and left', async () => {
  const hourMs = 3_600_000;
  const now = Date.now();
  const until = new Date(now - hourMs).toISOString();
  const row = new Date(now - 5.5 * hourMs);
  await writeWrong('Etc/GMT+5', { unclear: row });
  const { stdout } = await repair('--zone', 'Etc/GMT+5', '--until', until, '--apply');
  expect(stdout).toContain('test  user.created_at  0 wrong, 1 unclear (left as they are)\n');
  expect(await created()).toEqual({ unclear: new Date(now - 0.5 * hourMs).toISOString() });
});

test('bad arguments are told', async () => {
  expect((await repair('--zone', 'Mars/Olympus')).stderr).toBe(
    'PostgreSQL knows no time zone Mars/Olympus.\n',
  );
  for (const words of [[], ['--zone', 'UTC', '--until', 'yesterday']])
    expect((await repair(...words)).stderr).toMatch(/^Usage:/);
});
