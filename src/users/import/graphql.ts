import { queryFromInfo } from '@pothos/plugin-prisma';
import type { PrismaClient, User as UserRow } from '../../database/generated/client.ts';
import { builder } from '../../graphql/builder.ts';
import { listAfter, listArgs } from '../../graphql/list.ts';
import { selects } from '../../graphql/selection.ts';
import { Note, parse } from '../../input.ts';
import { User } from '../graphql.ts';
import { findListed } from '../store.ts';
import { batches, batchSize } from './batch-rules.ts';
import { headerLine } from './csv-rules.ts';
import { exportRows } from './export.ts';
import { type ImportedRow, importUsers } from './import.ts';

const ImportOutcome = builder.enumType('ImportOutcome', {
  description: 'What became of a row.',
  values: {
    CREATED: { description: 'A user was made.' },
    UPDATED: { description: 'The user was changed.' },
    CLAIMED: {
      description:
        "A user whom a billing provider brought, and who had no id of the company's own, was given the id.",
    },
    MERGED: { description: 'Two users who are one customer were merged into the one with an id of its own.' },
    UNCHANGED: { description: 'The user is already as the row says.' },
    FAILED: { description: 'Nothing was done; see the error.' },
  } as const,
});

const ImportRowError = builder
  .objectRef<{ name: string; message: string; code: string }>('ImportRowError')
  .implement({
    description: 'Why a row was not imported.',
    fields: (t) => ({
      name: t.exposeString('name', { description: 'Its typed name, such as `ValidationError`.' }),
      message: t.exposeString('message', {
        description: 'What is wrong, as a sentence or after the column.',
      }),
      code: t.exposeString('code', { description: '`BAD_USER_INPUT`, `NOT_FOUND` or `CONFLICT`.' }),
    }),
  });

const ImportedUser = builder.objectRef<ImportedRow & { user: UserRow | null }>('ImportedUser').implement({
  description: 'One row of an import, and what became of it.',
  fields: (t) => ({
    line: t.exposeInt('line', {
      description: 'The line of the file on which the row begins; the header is line 1.',
    }),
    outcome: t.expose('outcome', { type: ImportOutcome, description: 'What became of it.' }),
    user: t.expose('user', {
      type: User,
      nullable: true,
      description: 'The user whom the row is about; null if it failed.',
    }),
    error: t.field({
      type: ImportRowError,
      nullable: true,
      description: 'Why it failed; null if it did not. Its neighbours are not touched by it.',
      // GraphQL takes an Error that a resolver answers for a failure of the field.
      resolve: ({ error }) => error && { name: error.typedName, message: error.message, code: error.code },
    }),
  }),
});

const ImportedUsers = builder.objectRef<ImportedRow[]>('ImportedUsers').implement({
  description: 'What became of a file of users.',
  fields: (t) => ({
    rows: t.field({
      type: [ImportedUser],
      description: 'One for each row, in the order of the file. Rows without anything in them are left out.',
      resolve: async (rows, _args, context, info) => {
        const query = queryFromInfo({ context, info, path: ['user'] });
        const users = selects(info, 'user') ? await loadUsers(context.db, query, rows) : new Map();
        return rows.map((row) => ({ ...row, user: users.get(row.userKey) ?? null }));
      },
    }),
  }),
});

/** The users of these rows by their keys, some hundred at a time: one by one would take minutes. */
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
      'Makes, changes and merges users as a CSV file says, each row for itself. The file begins with a header of some of the columns id, email, name, billingId and metadata. An empty cell leaves what is there; metadata is a JSON object that replaces the whole one, or null. A row with an id is about the user with that id. A row without one is about a customer of a billing provider, found by billing id or else by email, and made with the email as id. A user whom a provider brought is given the id of the first row that names one for the same billing id or, if nobody else has it, the same email. The same file again changes nothing.',
    args: {
      csv: t.arg.string({
        required: true,
        description: 'The file, up to 10,000 rows. A request is at most 1 MiB: split what is larger.',
      }),
      note: t.arg.string({
        description: 'Why it is imported, in words, up to 255 characters: it stands in the audit log.',
      }),
    },
    resolve: (_root, { csv, ...args }, { db, admitUsers, author }) => {
      const note = parse(Note.nullish(), args.note, 'note') ?? null;
      return importUsers({ prisma: db, admitUsers, author, note }, csv);
    },
  }),
);

builder.queryField('exportUsers', (t) =>
  t.string({
    description:
      'Users as a CSV file, the oldest first, as importUsers reads it. Users who were merged into another are left out. A cell that a spreadsheet would take for a formula has an apostrophe before it, which importUsers takes off. A file is at most 16 MiB: page through what is larger.',
    args: listArgs,
    resolve: (_root, args, { db, environmentId, doHeavyWork }) =>
      doHeavyWork(environmentId, async () => {
        const rows = await listAfter(
          args,
          (id) => findListed(db, environmentId, id),
          (page) => exportRows(db, environmentId, page),
        );
        return [headerLine, ...rows].join('');
      }),
  }),
);
