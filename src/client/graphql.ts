import {
  type Consumption as ConsumptionShape,
  type Entitlement as EntitlementShape,
  entitlementOf,
} from '../entitlements/rules.ts';
import { userNotFound } from '../errors.ts';
import { Id, parse } from '../input.ts';
import { contentsOf } from '../packages/lists-graphql.ts';
import { liveStatuses } from '../subscriptions/rules.ts';
import { requireUserKey } from '../users/store.ts';
import { builder } from './builder.ts';

const FeatureType = builder.enumType('FeatureType', {
  description: 'Whether a feature is had or not, or used up.',
  values: {
    BINARY: { description: 'Had or not had, such as single sign-on.' },
    CONSUMABLE: { description: 'Used up and counted, such as API calls.' },
  } as const,
});

const Consumption = builder.objectRef<ConsumptionShape>('Consumption').implement({
  description: 'How much of a CONSUMABLE feature is used and granted, in the present period.',
  fields: (t) => ({
    used: t.exposeInt('used', {
      description: 'What was used in the period: from 0 to 2147483647, however much it was.',
    }),
    budget: t.exposeInt('budget', {
      nullable: true,
      description: 'What is granted for the period. Null is unlimited.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether more than the budget may be used.',
    }),
  }),
});

const Entitlement = builder.objectRef<EntitlementShape>('Entitlement').implement({
  description:
    'Whether the user may use a feature, and what is left. Of several packages the highest limit counts.',
  fields: (t) => ({
    access: t.exposeBoolean('access', {
      description: 'Whether the user may use the feature, once at least.',
    }),
    reason: t.exposeString('reason', { description: 'Why access is given or not, as a sentence.' }),
    consumption: t.expose('consumption', {
      type: Consumption,
      nullable: true,
      description: 'Null for a BINARY feature.',
    }),
  }),
});

const Feature = builder.prismaObject('Feature', {
  description: 'Something that the user may use.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    type: t.expose('type', { type: FeatureType, description: 'BINARY or CONSUMABLE.' }),
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
      description: 'An object that the company keeps with it.',
    }),
    entitlement: t.field({
      type: Entitlement,
      description: 'What the user may do with it: the same in every package that contains it.',
      resolve: async ({ id }, _args, { environmentId, userId, findStanding }) =>
        entitlementOf(await findStanding({ environmentId, userId, featureId: id }), 1),
    }),
  }),
});

const Package = builder.prismaObject('Package', {
  description: 'Features that the user has together: a plan (a base package), or an add-on to one.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company.' }),
    name: t.exposeString('name', { description: 'What people call it.' }),
    isAddon: t.exposeBoolean('isAddon', { description: 'Whether it is an add-on.' }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'An object that the company keeps with it.',
    }),
    features: t.field({
      type: [Feature],
      description: 'What it contains, in the order of the package.',
      resolve: async ({ id }, _args, context, info) => {
        const contents = await contentsOf(context, info, id, (where) =>
          context.db.feature.findMany({ where }),
        );
        return contents.flatMap(({ feature }) => feature ?? []);
      },
    }),
  }),
});

const User = builder.prismaObject('User', {
  description: 'The user whom the credentials stand for.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company.' }),
    name: t.exposeString('name', { nullable: true, description: 'What people call the user.' }),
    email: t.exposeString('email', { nullable: true, description: 'The email address.' }),
    subscribedPackages: t.field({
      type: [Package],
      description:
        'The packages that give the user access: those of ACTIVE and TRIALING subscriptions, the oldest subscription first.',
      select: (_args, _context, nestedSelection) => ({
        subscriptions: {
          where: { status: { in: [...liveStatuses] } },
          orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
          select: { package: nestedSelection(true) },
        },
      }),
      resolve: ({ subscriptions }) => subscriptions.map((subscription) => subscription.package),
    }),
  }),
});

builder.queryType({
  description: 'What the user whom the credentials stand for may see.',
  fields: (t) => ({
    currentUser: t.prismaField({
      type: User,
      description:
        'The user whom the token, or X-User-ID, names. `UserNotFoundError` when there is none with this id.',
      resolve: async (query, _root, _args, { db, environmentId, userId }) => {
        const id = parse(Id, userId, 'X-User-ID');
        const key = await requireUserKey(db, environmentId, id);
        const user = await db.user.findUnique({ ...query, where: { key } });
        if (user === null) throw userNotFound(id);
        return user;
      },
    }),
  }),
});
