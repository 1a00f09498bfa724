import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { migrate } from '../../src/database/migrations.ts';
import { onServer, withDatabase } from '../helpers/server.ts';

// What cannot work is refused before anything is changed, in one line that says what to do.

const template = process.env.TEST_DATABASE_TEMPLATE ?? '';
const server = withDatabase(template, 'postgres');
const prefix = new URL(template).pathname.slice(1);
const name = `${prefix}_${randomUUID().slice(0, 8)}`;
const role = `${name}_role`;

const withRole = (url: string) => {
  const changed = new URL(url);
  changed.username = role;
  changed.password = 'secret';
  return changed.toString();
};

/** An empty database, and a role that may connect to it and no more. */
async function createDatabase(options = ''): Promise<string> {
  await onServer(server, `create database ${name} template template0 ${options}`);
  await onServer(server, `create role ${role} login password 'secret'`);
  return withDatabase(server, name);
}

const refusalOf = (url: string): Promise<string> =>
  migrate(url).then(
    () => 'none',
    (error: Error) => error.message,
  );

afterEach(async () => {
  await onServer(server, `drop database if exists ${name} with (force)`);
  await onServer(server, `drop role if exists ${role}`);
});

const refused = (reason: string) => `The database at ${new URL(server).host}/${name} ${reason}.`;

test('a database that cannot hold every text', async () => {
  const url = await createDatabase("encoding 'LATIN1' locale 'C' locale_provider libc");
  expect(await refusalOf(url)).toBe(
    refused(
      'has the encoding LATIN1, which cannot hold every text; UTF8 is needed: createdb --encoding=UTF8 --template=template0',
    ),
  );
});

test('a database that takes no writes', async () => {
  const url = await createDatabase();
  await onServer(server, `alter database ${name} set default_transaction_read_only = on`);
  expect(await refusalOf(url)).toBe(
    refused('takes no writes: default_transaction_read_only is on for the database or the role'),
  );
});

test('a role without the rights that it needs, one after the other', async () => {
  const url = await createDatabase();
  expect(await refusalOf(withRole(url))).toBe(
    refused(
      `lets ${role} create no tables in the schema public; GRANT USAGE, CREATE ON SCHEMA public TO ${role}`,
    ),
  );
  await onServer(url, `grant usage, create on schema public to ${role}`);
  expect(await refusalOf(withRole(url))).toBe(
    refused(
      `lets ${role} create no schemas, and the job queue has one; GRANT CREATE ON DATABASE ${name} TO ${role}`,
    ),
  );
  await onServer(url, `grant create on database ${name} to ${role}`);
  expect(await refusalOf(withRole(url))).toBe('none');

  // What is there needs no right to create.
  await onServer(url, `revoke create on schema public from ${role}`);
  await onServer(url, `revoke create on database ${name} from ${role}`);
  expect(await refusalOf(withRole(url))).toBe('none');
  await onServer(url, `drop owned by ${role}`);
});

test('a database without the schema public', async () => {
  const url = await createDatabase();
  await onServer(url, 'drop schema public');
  expect(await refusalOf(url)).toBe(
    refused('has no schema public; create it: CREATE SCHEMA public AUTHORIZATION postgres'),
  );
});
