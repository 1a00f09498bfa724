import { audited } from '../audit/actions.ts';
import { isUniqueViolation } from '../database/conflict.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { jsonValue } from '../database/json.ts';
import { featureAlreadyExists, featureNotFound } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import { listArgs, listPage } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { checkUnits, FeatureChange, NewFeature } from './rules.ts';
import { lockFeature } from './store.ts';

export const FeatureType = builder.enumType('FeatureType', {
  description: 'Whether a feature is had or not, or used up.',
  values: {
    BINARY: { description: 'Had or not had, such as single sign-on.' },
    CONSUMABLE: { description: 'Used up and counted, such as API calls.' },
  } as const,
});

export const Feature = builder.prismaObject('Feature', {
  description: 'Something that a customer may use, as the company defined it.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company, unique in the environment.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    type: t.expose('type', {
      type: FeatureType,
      description: 'Set when the feature is made; it never changes.',
    }),
    unitLabel: t.exposeString('unitLabel', {
      nullable: true,
      description: 'What one of it is called, such as "API call". Only for CONSUMABLE features.',
    }),
    unitLabelPlural: t.exposeString('unitLabelPlural', {
      nullable: true,
      description: 'What several of it are called, such as "API calls". Only for CONSUMABLE features.',
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'An object of your own, at most 16 KiB.',
    }),
  }),
});

const CreateFeatureInput = builder.inputType('CreateFeatureInput', {
  description: 'A new feature.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'Unique in the environment, 1 to 255 characters.' }),
    name: t.string({ description: 'What people call it. Without it, the id.' }),
    type: t.field({ type: FeatureType, required: true, description: 'It cannot be changed later.' }),
    unitLabel: t.string({ description: 'What one of it is called. Only for CONSUMABLE features.' }),
    unitLabelPlural: t.string({ description: 'What several are called. Only for CONSUMABLE features.' }),
    metadata: t.field({ type: 'JSON', description: 'An object of your own, at most 16 KiB.' }),
  }),
});

const UpdateFeatureInput = builder.inputType('UpdateFeatureInput', {
  description: 'What to change of a feature: an omitted field stays, null clears.',
  fields: (t) => ({
    name: t.string({ description: 'What people call it. It cannot be cleared.' }),
    unitLabel: t.string({ description: 'What one of it is called. Only for CONSUMABLE features.' }),
    unitLabelPlural: t.string({ description: 'What several are called. Only for CONSUMABLE features.' }),
    metadata: t.field({ type: 'JSON', description: 'Replaces the whole object.' }),
  }),
});

/**
 * The feature with this id in this environment.
 *
 * @param query what the client selected of it
 * @throws FeatureNotFoundError
 */
async function findFeature(db: PrismaClient, query: object, environmentId: string, id: string) {
  const found = await db.feature.findUnique({ ...query, where: { environmentId_id: { environmentId, id } } });
  if (found === null) throw featureNotFound(id);
  return found;
}

builder.queryFields((t) => ({
  feature: t.prismaField({
    type: Feature,
    description: 'One feature. `FeatureNotFoundError` when there is none with this id.',
    args: { id: t.arg.string({ required: true, description: 'The id of the feature.' }) },
    resolve: (query, _root, args, { db, environmentId }) =>
      findFeature(db, query, environmentId, parse(Id, args.id, 'id')),
  }),
  features: t.prismaField({
    type: [Feature],
    description: 'All features, the oldest first.',
    args: listArgs,
    resolve: (query, _root, args, { db, environmentId }) =>
      listPage(
        args,
        (id) => db.feature.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) =>
          db.feature.findMany({ ...query, ...page, where: { ...where, environmentId } }),
      ),
  }),
}));

builder.mutationFields((t) => ({
  createFeature: t.prismaField({
    type: Feature,
    description: 'Makes a feature. `FeatureAlreadyExistsError` when the id is taken.',
    args: { input: t.arg({ type: CreateFeatureInput, required: true, description: 'The new feature.' }) },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const { metadata, ...feature } = parse(NewFeature, args.input, 'input');
      checkUnits(feature.type, feature);
      try {
        return await db.$transaction((tx) =>
          audited(
            tx,
            author,
            { action: 'createFeature', type: 'FEATURE', handles: [] },
            () =>
              tx.feature.create({
                ...query,
                data: { ...feature, metadata: jsonValue(metadata), environmentId },
              }),
            () => [feature.id],
          ),
        );
      } catch (error) {
        throw isUniqueViolation(error) ? featureAlreadyExists(feature.id) : error;
      }
    },
  }),
  updateFeature: t.prismaField({
    type: Feature,
    description:
      'Changes a feature. Packages that contain it keep the name they gave it. `FeatureNotFoundError` when ' +
      'there is none with this id.',
    args: {
      id: t.arg.string({ required: true, description: 'The id of the feature.' }),
      input: t.arg({ type: UpdateFeatureInput, required: true, description: 'What to change.' }),
    },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const { metadata, ...change } = parse(FeatureChange, args.input, 'input');
      const feature = await findFeature(db, {}, environmentId, parse(Id, args.id, 'id'));
      checkUnits(feature.type, change);
      return db.$transaction(async (tx) => {
        await lockFeature(tx, environmentId, feature.id);
        return audited(tx, author, { action: 'updateFeature', type: 'FEATURE', handles: [feature.id] }, () =>
          tx.feature.update({
            ...query,
            where: { environmentId_id: { environmentId, id: feature.id } },
            data: { ...change, metadata: jsonValue(metadata) },
          }),
        );
      });
    },
  }),
}));
