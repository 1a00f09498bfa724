import { queryFromInfo } from '@pothos/plugin-prisma';
import type { GraphQLResolveInfo } from 'graphql';
import type { Feature as FeatureRow, PrismaClient } from '../database/generated/client.ts';
import { settledUntil } from '../database/settled.ts';
import { featureNotFound } from '../errors.ts';
import { builder } from '../graphql/builder.ts';
import type { Context } from '../graphql/context.ts';
import { listArgs, listPage } from '../graphql/list.ts';
import { Id, parse } from '../input.ts';
import { createFeature, deleteFeature, updateFeature } from './change.ts';
import { FeatureChange, NewFeature } from './rules.ts';

export const FeatureType = builder.enumType('FeatureType', {
  description: 'The type of a feature.',
  values: {
    BINARY: { description: 'On or off, such as single sign-on.' },
    CONSUMABLE: { description: 'Counted, such as API calls.' },
  } as const,
});

export const Feature = builder.prismaObject('Feature', {
  description: 'Something that customers may use.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company, unique in the environment.' }),
    name: t.exposeString('name', { description: 'The display name.' }),
    type: t.expose('type', {
      type: FeatureType,
      description: 'Set on creation; it never changes.',
    }),
    unitLabel: t.exposeString('unitLabel', {
      nullable: true,
      description: 'The unit, singular, such as "API call". Only for CONSUMABLE features.',
    }),
    unitLabelPlural: t.exposeString('unitLabelPlural', {
      nullable: true,
      description: 'The unit, plural, such as "API calls". Only for CONSUMABLE features.',
    }),
    precision: t.exposeInt('precision', {
      description:
        'How many digits after the decimal point its amounts may have, 0 to 6: 0 counts whole units only.',
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
    name: t.string({ description: 'The display name. Default: the id.' }),
    type: t.field({ type: FeatureType, required: true, description: 'It cannot be changed later.' }),
    unitLabel: t.string({ description: 'The unit, singular. Only for CONSUMABLE features.' }),
    unitLabelPlural: t.string({ description: 'The unit, plural. Only for CONSUMABLE features.' }),
    precision: t.int({
      description:
        'How many digits after the decimal point its amounts may have, 0 to 6. Default 0: whole units. It can be raised later.',
    }),
    metadata: t.field({ type: 'JSON', description: 'An object of your own, at most 16 KiB.' }),
  }),
});

const UpdateFeatureInput = builder.inputType('UpdateFeatureInput', {
  description: 'The fields to change of a feature. An omitted field stays; null clears.',
  fields: (t) => ({
    name: t.string({ description: 'The display name. It cannot be null.' }),
    unitLabel: t.string({ description: 'The unit, singular. Only for CONSUMABLE features.' }),
    unitLabelPlural: t.string({ description: 'The unit, plural. Only for CONSUMABLE features.' }),
    precision: t.int({
      description:
        'How many digits after the decimal point its amounts may have, 0 to 6. It can be raised, and lowered only while there is no usage, and no limit or top-up that needs more. It cannot be null.',
    }),
    metadata: t.field({ type: 'JSON', description: 'Replaces the whole object.' }),
  }),
});

/** A row of a list, with the fields of its feature that are asked for. */
export type WithFeature<Row> = Row & { feature: FeatureRow };

/**
 * Adds the field `feature` to the rows of a list, with one statement.
 *
 * @param list the path from the field that is answered to the list, if the list is a part of it
 */
export async function withFeatures<Row extends { featureId: string }>(
  rows: readonly Row[],
  context: Context,
  info: GraphQLResolveInfo,
  list: readonly string[] = [],
): Promise<WithFeature<Row>[]> {
  const { db, environmentId } = context;
  const features = await db.feature.findMany({
    ...queryFromInfo({ context, info, path: [...list, 'feature'] }),
    where: { environmentId, id: { in: [...new Set(rows.map(({ featureId }) => featureId))] } },
  });
  const byId = new Map(features.map((feature) => [feature.id, feature]));
  return rows.flatMap((row) => {
    const feature = byId.get(row.featureId);
    return feature === undefined ? [] : { ...row, feature };
  });
}

/**
 * The feature with this id in this environment.
 *
 * @param query the client's selection
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
    description: 'One feature. `FeatureNotFoundError` if the id is unknown.',
    args: { id: t.arg.string({ required: true, description: 'The id of the feature.' }) },
    resolve: (query, _root, args, { db, environmentId }) =>
      findFeature(db, query, environmentId, parse(Id, args.id, 'id')),
  }),
  features: t.prismaField({
    type: [Feature],
    description: 'All features, oldest first.',
    args: listArgs,
    resolve: (query, _root, args, { db, environmentId }) =>
      listPage(
        args,
        (id) => db.feature.findUnique({ where: { environmentId_id: { environmentId, id } } }),
        ({ where, ...page }) =>
          db.feature.findMany({ ...query, ...page, where: { ...where, environmentId } }),
        () => settledUntil(db, 'feature'),
      ),
  }),
}));

const DeletedFeature = builder.objectRef<{ id: string }>('DeletedFeature').implement({
  description: 'A deleted feature.',
  fields: (t) => ({ id: t.exposeString('id', { description: 'The id that it had.' }) }),
});

builder.mutationFields((t) => ({
  createFeature: t.prismaField({
    type: Feature,
    description: 'Creates a feature. `FeatureAlreadyExistsError` if the id is taken.',
    args: { input: t.arg({ type: CreateFeatureInput, required: true, description: 'The new feature.' }) },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const feature = parse(NewFeature, args.input, 'input');
      await createFeature(db, author, feature);
      return findFeature(db, query, environmentId, feature.id);
    },
  }),
  updateFeature: t.prismaField({
    type: Feature,
    description:
      'Changes a feature. Packages keep the name that it had when it was added. `FeatureNotFoundError` if ' +
      'the id is unknown.',
    args: {
      id: t.arg.string({ required: true, description: 'The id of the feature.' }),
      input: t.arg({ type: UpdateFeatureInput, required: true, description: 'The fields to change.' }),
    },
    resolve: async (query, _root, args, { db, environmentId, author }) => {
      const change = parse(FeatureChange, args.input, 'input');
      const id = parse(Id, args.id, 'id');
      await updateFeature(db, author, id, change);
      return findFeature(db, query, environmentId, id);
    },
  }),
  deleteFeature: t.field({
    type: DeletedFeature,
    description:
      'Deletes a feature that no package contains, no mapping rule refers to, and of which no usage was recorded. `FeatureNotFoundError` if the id is unknown, `FeatureInUseError` if it is used.',
    args: { id: t.arg.string({ required: true, description: 'The id of the feature.' }) },
    resolve: async (_root, args, { db, author }) => {
      const id = parse(Id, args.id, 'id');
      await deleteFeature(db, author, id);
      return { id };
    },
  }),
}));
