import DataLoader from 'dataloader';
import type { PrismaClient } from '../database/generated/client.ts';
import { invalidInput } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { listAfter, listArgs } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { type AuthorKind, labelOf } from './rules.ts';

const AuditAuthorKind = builder.enumType('AuditAuthorKind', {
  description: 'How the change was made.',
  values: {
    PRIVATE_KEY: { description: 'By a request with a private key.' },
    CONSOLE: { description: 'In the console, by a member or signed in with a private key.' },
    COMMAND: { description: 'With a command of the server.' },
    SERVER: { description: 'The server itself, when it started.' },
  } as const,
});

const AuditSubject = builder.enumType('AuditSubject', {
  description: 'The kind of object that was changed.',
  values: {
    FEATURE: { description: 'A feature.' },
    PACKAGE: { description: 'A package: its features, base packages and prices included.' },
    USER: { description: 'A user.' },
    SUBSCRIPTION: { description: 'A subscription.' },
    MAPPING_RULE: { description: 'A mapping rule.' },
    ENVIRONMENT: { description: 'The settings of the environment.' },
    API_KEY: { description: 'A key.' },
    IMPORT: { description: 'An import of users; the id is the id of the import.' },
    TOKEN_SECRET: { description: 'The secret that signs user tokens; the id is the environment.' },
    WEBHOOK: { description: 'A webhook.' },
    USAGE: {
      description: 'Usage recorded by hand in the console; the id is the id of the user.',
    },
    TOP_UP: { description: 'A top-up of one user.' },
    FEATURE_GRANT: { description: 'A feature that was granted to one user.' },
    MIGRATION: { description: 'A migration of subscribers.' },
    MEMBER: { description: 'A member of this environment: the role, or a new password link.' },
    INVITATION: { description: 'An invitation to become a member.' },
    SESSION: { description: 'A session of the console that an admin ended.' },
    BILLING: {
      description:
        'The connection with a billing provider, an import, or a price; the id is the id at the provider.',
    },
  } as const,
});

/** Reads all of one request at once: the names of keys, or of members. */
function perRequest<Value>(load: (context: Context, ids: string[]) => Promise<Map<string, Value>>) {
  const loaders = new WeakMap<object, DataLoader<string, Value | null>>();
  return async (context: Context, id: string | null): Promise<Value | null> => {
    if (id === null) return null;
    const known = loaders.get(context);
    const loader =
      known ??
      new DataLoader<string, Value | null>(async (ids) => {
        const found = await load(context, [...ids]);
        return ids.map((each) => found.get(each) ?? null);
      });
    if (known === undefined) loaders.set(context, loader);
    return loader.load(id);
  };
}

const findKeyName = perRequest(async ({ db, environmentId }, ids) => {
  const where = { environmentId, id: { in: ids } };
  const rows = await db.apiKey.findMany({ where, select: { id: true, name: true } });
  return new Map(rows.map(({ id, name }) => [id, name]));
});

/** Also of those who are no longer members: entries of this environment name them. */
const findMember = perRequest(async ({ db }, ids) => {
  const select = { id: true, name: true, email: true } as const;
  const rows = await db.member.findMany({ where: { id: { in: ids } }, select });
  return new Map(rows.map((row) => [row.id, row]));
});

interface AuthorRow {
  authorKind: AuthorKind;
  keyId: string | null;
  lastFour: string | null;
  memberId: string | null;
}

export const AuditAuthor = builder.objectRef<AuthorRow>('AuditAuthor').implement({
  description: 'The author of a change.',
  fields: (t) => ({
    kind: t.expose('authorKind', { type: AuditAuthorKind, description: 'How the change was made.' }),
    keyId: t.exposeString('keyId', {
      nullable: true,
      description: 'The id of the key; null if none was used.',
    }),
    lastFour: t.exposeString('lastFour', {
      nullable: true,
      description: 'The last four characters of the key.',
    }),
    keyName: t.string({
      nullable: true,
      description: 'The name that the key has now; null if it has none, or none was used.',
      resolve: ({ keyId }, _args, context) => findKeyName(context, keyId),
    }),
    memberId: t.exposeString('memberId', {
      nullable: true,
      description: 'The id of the member who was signed in to the console; null if it was nobody.',
    }),
    label: t.string({
      description:
        'The author in words, such as "Ana Silva (ana@example.com)" or "Private key "Billing worker" …x7Qd".',
      resolve: async ({ authorKind, lastFour, keyId, memberId }, _args, context) => {
        const names = [findKeyName(context, keyId), findMember(context, memberId)] as const;
        const [keyName, member] = await Promise.all(names);
        return labelOf({ kind: authorKind, lastFour, keyName, member });
      },
    }),
  }),
});

export const AuditEntry = builder.prismaObject('AuditEntry', {
  description: 'One change of one object. It is written in the same transaction as the change.',
  fields: (t) => ({
    id: t.string({
      description: 'Generated by the server; opaque.',
      select: { id: true },
      resolve: ({ id }) => `${id}`,
    }),
    at: t.expose('createdAt', { type: 'DateTime', description: 'The time of the change.' }),
    author: t.field({
      type: AuditAuthor,
      description: 'The author.',
      select: { authorKind: true, keyId: true, lastFour: true, memberId: true },
      resolve: (entry) => entry,
    }),
    action: t.exposeString('action', {
      description:
        'The name of the mutation, `installKey` for a configured key, `makeTokenSecret`, or `repairTimestamps`.',
    }),
    subjectType: t.expose('subjectType', {
      type: AuditSubject,
      description: 'The kind of object that was changed.',
    }),
    subjectId: t.exposeString('subjectId', {
      nullable: true,
      description: 'The id at that time. Null for a deleted user whose id looked like an email address.',
    }),
    before: t.expose('before', {
      type: 'JSON',
      nullable: true,
      description: 'The changed fields before. Null for a created object, and after the user is deleted.',
    }),
    after: t.expose('after', {
      type: 'JSON',
      nullable: true,
      description: 'The changed fields after. Null for a deleted object, and after the user is deleted.',
    }),
    withheld: t.exposeStringList('withheld', {
      description: 'Other changed fields. Their values are not stored because they are personal.',
    }),
    requestId: t.exposeString('requestId', {
      nullable: true,
      description: 'The request by which it happened, as in the log of the server: made by the server.',
    }),
    clientRequestId: t.exposeString('clientRequestId', {
      nullable: true,
      description: 'What the client called that request, in its header X-Request-Id.',
    }),
  }),
});

/** The filter for everything about a user, including ids that were merged into the user. */
export async function concerning(db: PrismaClient, environmentId: string, id: string) {
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

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const KeyId = Id.regex(uuid, 'must be the id of a key');
const MemberId = Id.regex(uuid, 'must be the id of a member');

builder.queryField('auditLog', (t) =>
  t.prismaField({
    type: [AuditEntry],
    description:
      'The audit log, newest first: changes of features, packages, users, subscriptions, feature grants, top-ups, mapping rules and keys. Usage recorded by hand in the console is included; other usage, and changes by Segment events, are not. An import is one entry, plus one for each merge. Several arguments combine with AND.',
    args: {
      ...listArgs,
      subjectType: t.arg({ type: AuditSubject, description: 'Only this kind of object.' }),
      subjectId: t.arg.string({
        description: 'Only the object with this id at that time; needs subjectType.',
      }),
      userId: t.arg.string({
        description: "Only changes of this user (also under earlier ids) and of the user's subscriptions.",
      }),
      keyId: t.arg.string({ description: 'Only changes made with this key.' }),
      memberId: t.arg.string({ description: 'Only changes made by this member in the console.' }),
      from: t.arg({ type: 'DateTime', description: 'Only changes at this time or later.' }),
      to: t.arg({ type: 'DateTime', description: 'Only changes before this time.' }),
    },
    resolve: async (query, _root, { first, after, ...args }, { db, environmentId }) => {
      const subjectType = args.subjectType ?? undefined;
      const subjectId = parse(Id.nullish(), args.subjectId, 'subjectId') ?? undefined;
      const userId = parse(Id.nullish(), args.userId, 'userId');
      const keyId = parse(KeyId.nullish(), args.keyId, 'keyId') ?? undefined;
      const memberId = parse(MemberId.nullish(), args.memberId, 'memberId') ?? undefined;
      const createdAt = { gte: args.from ?? undefined, lt: args.to ?? undefined };
      if (args.from && args.to && args.from >= args.to) throw invalidInput('to', 'must be after from');
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
              ...{ subjectType, subjectId, keyId, memberId, createdAt },
              ...(last === null ? {} : { id: { lt: BigInt(last.id) } }),
            },
            orderBy: { id: 'desc' },
          }),
      );
    },
  }),
);
