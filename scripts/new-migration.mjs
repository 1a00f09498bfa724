// Compares the migrations with prisma/schema.prisma.
//
//   npm run migration:new -- <name>    writes what the schema has over the migrations as a new migration
//   node scripts/new-migration.mjs --check [schema file]    fails if there is anything to write
//
// The migrations are applied to an embedded server in a temporary directory.
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '../dist/database/migrations.js';
import { startEmbedded } from '../dist/embedded-postgres/server.js';
import { missingStatements } from './schema-engine.mjs';

const [name, schemaFile = 'prisma/schema.prisma'] = process.argv.slice(2);
if (!/^(--check|[a-z][a-z0-9_]*)$/.test(name ?? '')) {
  process.stderr.write('Usage: npm run migration:new -- <name, in small_letters>\n');
  process.exit(1);
}

const statements = await withMigratedDatabase((url) => missingStatements(url, schemaFile));
if (statements === '') {
  process.stdout.write('The migrations and the schema agree.\n');
} else if (name === '--check') {
  process.stderr.write(`The migrations lack this:\n\n${statements}`);
  process.exitCode = 1;
} else {
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const directory = `prisma/migrations/${time}_${name}`;
  mkdirSync(directory);
  writeFileSync(join(directory, 'migration.sql'), statements);
  process.stdout.write(
    `Written to ${directory}/migration.sql: read it, and see what it does to existing rows.\n`,
  );
}

async function withMigratedDatabase(work) {
  const dataDir = mkdtempSync(join(tmpdir(), 'open-kana-migration-'));
  chmodSync(dataDir, 0o755); // The server may have to run as another account.
  const server = await startEmbedded({ dataDir });
  try {
    await migrate(server.url);
    return await work(server.url);
  } finally {
    await server.stop();
    for (const path of [realpathSync(join(dataDir, 'postgres')), dataDir])
      rmSync(path, { recursive: true, force: true });
  }
}
