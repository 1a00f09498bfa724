import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts';

const { missingStatements } = (await import(resolve('scripts/schema-engine.mjs'))) as {
  missingStatements(url: string, schemaFile: string): Promise<string>;
};

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.drop());

test('the migrations make exactly the tables that schema.prisma describes', async () => {
  expect(await missingStatements(database.url, 'prisma/schema.prisma')).toBe('');
});

test('what the schema has over the migrations is what a new migration gets', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'open-kana-schema-'));
  const changed = join(directory, 'schema.prisma');
  const schema = await readFile('prisma/schema.prisma', 'utf8');
  await writeFile(
    changed,
    schema
      .replace('  lastFour ', '  note String?\n  lastFour ')
      .replace('raw("idempotency_key IS NOT NULL")', 'raw("idempotency_key > \'a\'")'),
  );

  expect(await missingStatements(database.url, changed)).toBe(
    `-- DropIndex
DROP INDEX "feature_grant_user_key_idempotency_key_key";

-- AlterTable
ALTER TABLE "api_key" ADD COLUMN     "note" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "feature_grant_user_key_idempotency_key_key" ON "feature_grant"("user_key", "idempotency_key") WHERE (idempotency_key > 'a');
`,
  );
  await rm(directory, { recursive: true });
});
