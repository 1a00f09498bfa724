import { z } from 'zod';
import { apiKeyNotFound } from '../../errors.ts';
import { builder } from '../../graphql/builder.ts';
import { listArgs, listPage } from '../../graphql/list.ts';
import { Id, parse } from '../../input.ts';
import { makeKey, withdrawKey } from './issue.ts';
import { readEnvironmentId } from './rules.ts';

const ApiKeyKind = builder.enumType('ApiKeyKind', {
  description: 'What a key may be used for.',
  values: {
    PRIVATE: { description: 'For servers: everything in its environment, by the admin API.' },
    PUBLIC: { description: 'For browsers: what one user may see, by the client API.' },
  } as const,
});

const ApiKey = builder.prismaObject('ApiKey', {
  description: 'A key of this environment. The key itself is not kept, only what recognises it.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Made by the server; it is not the key.' }),
    kind: t.expose('kind', { type: ApiKeyKind, description: 'What it may be used for.' }),
    lastFour: t.exposeString('lastFour', { description: 'Its last four characters, to tell keys apart.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    revokedAt: t.expose('revokedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was revoked; null while it is valid.',
    }),
  }),
});

const CreatedApiKey = builder.objectRef<{ id: string; key: string }>('CreatedApiKey').implement({
  description: 'A key that was just made.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'The key. It is told this once, and never again.' }),
    apiKey: t.prismaField({
      type: ApiKey,
      description: 'What is kept of it.',
      resolve: (query, { id }, _args, { db }) => db.apiKey.findUniqueOrThrow({ ...query, where: { id } }),
    }),
  }),
});

builder.queryField('apiKeys', (t) =>
  t.prismaField({
    type: [ApiKey],
    description: 'All keys of this environment, the oldest first, those that are revoked included.',
    args: listArgs,
    resolve: (query, _root, args, { db, environmentId }) =>
      listPage(
        args,
        (id) => (isKeyId(id) ? db.apiKey.findFirst({ where: { environmentId, id } }) : Promise.resolve(null)),
        ({ where, ...page }) => db.apiKey.findMany({ ...query, ...page, where: { ...where, environmentId } }),
      ),
  }),
);

const isKeyId = (id: string) => z.uuid().safeParse(id).success;

builder.mutationFields((t) => ({
  createApiKey: t.field({
    type: CreatedApiKey,
    description: 'Makes a key for this environment. Keep it safe: it is told this once.',
    args: { kind: t.arg({ type: ApiKeyKind, required: true, description: 'What it may be used for.' }) },
    resolve: (_root, { kind }, { db, environmentId, author }) => {
      const environment = readEnvironmentId(environmentId);
      if (environment === null) throw new Error(`there are no keys for ${environmentId}`);
      return makeKey(db, environment, kind, author);
    },
  }),
  revokeApiKey: t.prismaField({
    type: ApiKey,
    description:
      'Ends the validity of a key of this environment, within 5 seconds everywhere, and with it the sessions of the console that it began. It may be the key of this very request. `ApiKeyNotFoundError` when there is none that is valid.',
    args: { id: t.arg.string({ required: true, description: 'The id of the key.' }) },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const id = parse(Id, args.id, 'id');
      const known = isKeyId(id) && (await db.apiKey.findFirst({ where: { environmentId, id } })) !== null;
      if (!known || !(await withdrawKey(db, id, new Date(), () => author))) throw apiKeyNotFound(id);
      return db.apiKey.findUniqueOrThrow({ ...query, where: { id } });
    },
  }),
}));
