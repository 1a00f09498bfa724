// Generates code from the database schema, the GraphQL schema and the operations of the console and the SDK.
// Does nothing where none of them has changed since: tests, typecheck and build all begin with it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const steps = ['scripts/generate-client.mjs', 'scripts/generate-operations.mjs', 'scripts/generate-sdk.mjs'];
const outputs = [
  'src/database/generated/client.ts',
  'src/console/generated/operations.ts',
  'packages/sdk/src/generated/operations.ts',
];
/** The hash of what the present files were generated from. */
const stamp = 'src/database/generated/.inputs';

const operations = readdirSync('src/console', { recursive: true })
  .filter((name) => name.endsWith('.graphql'))
  .sort()
  .map((name) => join('src/console', name));
const inputs = [
  ...steps,
  'package-lock.json',
  'prisma/schema.prisma',
  'schema.graphql',
  'packages/sdk/src/operations.graphql',
  ...operations,
];

const hash = createHash('sha256');
for (const path of inputs) hash.update(`${path}\n`).update(readFileSync(path));
const digest = hash.digest('hex');

const isCurrent =
  outputs.every((path) => existsSync(path)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
if (!isCurrent) {
  for (const step of steps) execFileSync(process.execPath, [step], { stdio: 'inherit' });
  writeFileSync(stamp, digest);
}
