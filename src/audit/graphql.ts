import type { PrismaClient } from '../database/generated/client.ts';
import { invalidInput } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { listAfter, listArgs } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { type AuthorKind, labelOf } from './rules.ts';

const AuditAuthorKind = builder.enumType('AuditAuthorKind', {
  description: 'How somebody came to change something.',
  values: {
    PRIVATE_KEY: { description: 'By a request with a private key.' },
    CONSOLE: { description: 'In the console, signed in with a private key.' },
    COMMAND: { description: 'On the command line of the server.' },
    SERVER: { description: 'The server itself, when it started.' },
  } as const,
});

const AuditSubject = builder.enumType('AuditSubject', {
  description: 'What was changed.',
  values: {
    FEATURE: { description: 'A feature.' },
    PACKAGE: { description: 'A package: its features, base packages and prices included.' },
    USER: { description: 'A user.' },
    SUBSCRIPTION: { description: 'A subscription.' },
    MAPPING_RULE: { description: 'A mapping rule.' },
    API_KEY: { description: 'A key.' },
    IMPORT: { description: 'A file of users, as a whole; the id is that of the import.' },
    TOKEN_SECRET: { description: 'What user tokens are signed with; the id is that of the environment.' },
  } as const,
});

interface AuthorRow {
  authorKind: AuthorKind;
  keyId: string | null;
  lastFour: string | null;
}

const AuditAuthor = builder.objectRef<AuthorRow>('AuditAuthor').implement({
  description: 'Who changed something.',
  fields: (t) => ({
    kind: t.expose('authorKind', { type: AuditAuthorKind, description: 'How it was changed.' }),
    keyId: t.exposeString('keyId', {
      nullable: true,
      description: 'The id of the key that was shown; null where none is needed.',
    }),
    lastFour: t.exposeString('lastFour', {
      nullable: true,
      description: 'The last four characters of the key.',
    }),
    label: t.string({
      description: 'The same in words, such as "Private key …x7Qd".',
      resolve: ({ authorKind, lastFour }) => labelOf({ kind: authorKind, lastFour }),
    }),
  }),
});

const AuditEntry = builder.prismaObject('AuditEntry', {
  description: 'One change of one thing. It is written in the transaction of the change.',
  fields: (t) => ({
    id: t.string({
      description: 'Made by the server; opaque.',
      select: { id: true },
      resolve: ({ id }) => `${id}`,
    }),
    at: t.expose('createdAt', { type: 'DateTime', description: 'When.' }),
    author: t.field({
      type: AuditAuthor,
      description: 'Who.',
      select: { authorKind: true, keyId: true, lastFour: true },
      resolve: (entry) => entry,
    }),
    action: t.exposeString('action', {
      description:
        'What was done: the name of the mutation, or `installKey` for a key that was configured, or `makeTokenSecret`.',
    }),
    subjectType: t.expose('subjectType', { type: AuditSubject, description: 'What was changed.' }),
    subjectId: t.exposeString('subjectId', {
      nullable: true,
      description:
        'The id that it had then. Null when it was a user who is deleted, and the id looked like an email address.',
    }),
    before: t.expose('before', {
      type: 'JSON',
      nullable: true,
      description:
        'The fields that changed, as they were. Null for what was made then, and once the user concerned is deleted.',
    }),
    after: t.expose('after', {
      type: 'JSON',
      nullable: true,
      description:
        'The same fields as they were afterwards. Null for what was deleted, and once the user concerned is deleted.',
    }),
    withheld: t.exposeStringList('withheld', {
      description: 'The fields that changed too, and whose values are not kept: they are about a person.',
    }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description: 'The request by which it happened, as in the log of the server.',
    }),
  }),
});

/** Everything that concerns the person of this id, and of every id that was merged into it. */
async function concerning(db: PrismaClient, environmentId: string, id: string) {
  const users = await db.user.findMany({
    where: { environmentId, OR: [{ id }, { survivor: { environmentId, id } }] },
    select: { key: true },
  });
  const keys = users.map(({ key }) => key);
  return { OR: [{ userKey: { in: keys } }, { subjectType: 'USER' as const, subjectId: id }] };
}

function entryId(id: string): bigint | null {
  return /^\d{1,18}$/.test(id) ? BigInt(id) : null;
}

const KeyId = Id.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'must be the id of a key');

builder.queryField('auditLog', (t) =>
  t.prismaField({
    type: [AuditEntry],
    description:
      'What was changed by whom, the newest first: every change of features, packages, users, subscriptions, mapping rules and keys, but not usage, nor what events of Segment bring about. A file of users is told as a whole, as IMPORT, but for the merges that it makes. What several arguments ask for holds together.',
    args: {
      ...listArgs,
      subjectType: t.arg({ type: AuditSubject, description: 'Only changes of these.' }),
      subjectId: t.arg.string({ description: 'Only changes of what had this id then; needs subjectType.' }),
      userId: t.arg.string({
        description:
          'Only what concerns this user, also under an earlier id: changes of the user, and of subscriptions.',
      }),
      keyId: t.arg.string({ description: 'Only what was done with the key of this id.' }),
    },
    resolve: async (query, _root, { first, after, ...args }, { db, environmentId }) => {
      const subjectType = args.subjectType ?? undefined;
      const subjectId = parse(Id.nullish(), args.subjectId, 'subjectId') ?? undefined;
      const userId = parse(Id.nullish(), args.userId, 'userId');
      const keyId = parse(KeyId.nullish(), args.keyId, 'keyId') ?? undefined;
      if (subjectId !== undefined && subjectType === undefined)
        throw invalidInput('subjectType', 'must say what the subjectId is the id of');
      const user = userId == null ? {} : await concerning(db, environmentId, userId);
      return listAfter(
        { first, after },
        async (text) => {
          const id = entryId(text);
          return id === null ? null : db.auditEntry.findFirst({ where: { environmentId, id } });
        },
        ({ take, last }) =>
          db.auditEntry.findMany({
            ...query,
            take,
            where: {
              environmentId,
              ...user,
              ...{ subjectType, subjectId, keyId },
              ...(last === null ? {} : { id: { lt: BigInt(last.id) } }),
            },
            orderBy: { id: 'desc' },
          }),
      );
    },
  }),
);
