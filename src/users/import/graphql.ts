import { queryFromInfo } from '@pothos/plugin-prisma';
import { z } from 'zod';
import type { PrismaClient, User as UserRow } from '../../database/generated/client.ts';
import { builder } from '../../graphql/builder.ts';
import { listAfter, listArgs, settledPage } from '../../graphql/list.ts';
import { readSettledUntil } from '../../graphql/reading.ts';
import { selects } from '../../graphql/selection.ts';
import { Id, Note, parse } from '../../input.ts';
import { User } from '../graphql.ts';
import { findListed } from '../store.ts';
import type { ImportedRow } from './belongings.ts';
import { headerLine } from './csv-rules.ts';
import { exportRows } from './export.ts';
import { importUsers } from './import.ts';
import { batches, batchSize } from './plan-rules.ts';

const ImportOutcome = builder.enumType('ImportOutcome', {
  description: 'The result of a row.',
  values: {
    CREATED: { description: 'A user was created.' },
    UPDATED: { description: 'The user was changed.' },
    CLAIMED: {
      description: 'A user from a billing provider got the id of the row.',
    },
    MERGED: { description: 'Two users of one customer were merged into the one whose id you chose.' },
    UNCHANGED: { description: 'The user already has the values of the row.' },
    FAILED: { description: 'Nothing changed; see the error.' },
  } as const,
});

const ImportRowError = builder
  .objectRef<{ name: string; message: string; code: string }>('ImportRowError')
  .implement({
    description: 'Why a row was not imported.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'The typed name, such as `ValidationError`.' }),
      message: t.exposeString('message', {
        description: 'The error, as a sentence or after the column.',
      }),
      code: t.exposeString('code', { description: '`BAD_USER_INPUT`, `NOT_FOUND` or `CONFLICT`.' }),
    }),
  });

const ImportedUser = builder.objectRef<ImportedRow & { user: UserRow | null }>('ImportedUser').implement({
  description: 'The result of one row of an import.',
  fields: (t) => ({
    line: t.exposeInt('line', {
      description: 'The line on which the row starts; the header is line 1.',
    }),
    outcome: t.expose('outcome', { type: ImportOutcome, description: 'The result.' }),
    user: t.expose('user', {
      type: User,
      nullable: true,
      description: 'The user of the row; null if it failed.',
    }),
    error: t.field({
      type: ImportRowError,
      nullable: true,
      description: 'Why the row failed; null if it did not. Other rows are not affected.',
      // GraphQL treats an Error that a resolver returns as a failure of the field.
      resolve: ({ error }) => error && { name: error.typedName, message: error.message, code: error.code },
    }),
  }),
});

const ImportedUsers = builder.objectRef<ImportedRow[]>('ImportedUsers').implement({
  description: 'The result of an import.',
  fields: (t) => ({
    rows: t.field({
      type: [ImportedUser],
      description: 'One result for each row, in the order of the file, without empty rows.',
      resolve: async (rows, _args, context, info) => {
        const query = queryFromInfo({ context, info, path: ['user'] });
        const users = selects(info, 'user') ? await loadUsers(context.db, query, rows) : new Map();
        return rows.map((row) => ({ ...row, user: users.get(row.userKey) ?? null }));
      },
    }),
  }),
});

/** Loads the users of these rows in batches, by key: one by one would take minutes. */
async function loadUsers(db: PrismaClient, query: object, rows: readonly ImportedRow[]) {
  const users = new Map<bigint | null, UserRow>();
  const keys = rows.flatMap(({ userKey }) => userKey ?? []);
  for (const batch of batches(keys, batchSize)) {
    for (const user of await db.user.findMany({ ...query, where: { key: { in: batch } } }))
      users.set(user.key, user);
  }
  return users;
}

builder.mutationField('importUsers', (t) =>
  t.field({
    type: ImportedUsers,
    description:
      'Creates, changes and merges users from a CSV file. Each row succeeds or fails on its own. The header names some of the columns id, email, name, billingId, metadata, packages and `usage:<featureId>`. An empty cell leaves the value unchanged; metadata is a JSON object that replaces the stored one, or null; packages are ids with spaces between them, to which the user is subscribed unless the user is already; `usage:<featureId>` is what was used of a feature elsewhere, recorded once however often the file is imported. A row with an id is about the user with that id. A row without an id is about a customer of a billing provider, found by billing id or else by email, and created with the email as id. An imported user gets the id of the first row with the same billing id or, if no other user has it, the same email. Importing the same file again changes nothing.',
    args: {
      csv: t.arg.string({
        required: true,
        description: 'The file, up to 10,000 rows. A request is at most 1 MiB: split a larger file.',
      }),
      note: t.arg.string({
        description: 'A note about this import, up to 255 characters. The audit log keeps it.',
      }),
    },
    resolve: (_root, { csv, ...args }, { db, admitUsers, doHeavyWork, author, recordUsage }) => {
      const note = parse(Note.nullish(), args.note, 'note') ?? null;
      return importUsers({ prisma: db, admitUsers, doHeavyWork, recordUsage, author, note }, csv);
    },
  }),
);

const ExportedIds = z.array(Id).max(1_000, 'must have at most 1000 ids').nullish();

builder.queryField('exportUsers', (t) =>
  t.string({
    description:
      'Users as a CSV file for importUsers, oldest first, without merged users. A cell that a spreadsheet would interpret as a formula has an apostrophe before it, which importUsers removes. A file is at most 16 MiB: use paging for more.',
    args: {
      ...listArgs,
      ids: t.arg.stringList({ description: 'Only these users, up to 1,000. Default: all.' }),
    },
    resolve: (_root, { ids: chosen, ...args }, context) => {
      const { db, environmentId, doHeavyWork, untilCallerLeaves } = context;
      return doHeavyWork(environmentId, async () => {
        const ids = parse(ExportedIds, chosen, 'ids') ?? null;
        const rows = await listAfter(
          args,
          (id) => findListed(db, environmentId, id),
          (page) => {
            const read = () => untilCallerLeaves(() => exportRows(db, environmentId, { ...page, ids }));
            if (args.first == null) return read();
            return settledPage(
              read,
              ({ createdAt }) => createdAt,
              () => readSettledUntil(context, 'user'),
            );
          },
        );
        return [headerLine, ...rows.map(({ line }) => line)].join('');
      });
    },
  }),
);
