import { oneUnit } from '../amount.ts';
import {
  type Consumption as ConsumptionShape,
  type Entitlement as EntitlementShape,
  entitlementOf,
} from '../entitlements/rules.ts';
import { userNotFound } from '../errors.ts';
import { Id, parse } from '../input.ts';
import { contentsOf } from '../packages/lists-graphql.ts';
import { atVersion, shownAs } from '../packages/rules.ts';
import { liveNow } from '../subscriptions/store.ts';
import { requireUserKey } from '../users/store.ts';
import { builder } from './builder.ts';

export const FeatureType = builder.enumType('FeatureType', {
  description: 'The type of a feature.',
  values: {
    BINARY: { description: 'On or off, such as single sign-on.' },
    CONSUMABLE: { description: 'Counted, such as API calls.' },
  } as const,
});

export const Consumption = builder.objectRef<ConsumptionShape>('Consumption').implement({
  description: 'Usage and budget of a CONSUMABLE feature in the current period.',
  fields: (t) => ({
    used: t.expose('used', {
      type: 'Amount',
      description: 'What was used in the period; 0 if more was reverted.',
    }),
    budget: t.expose('budget', {
      type: 'Amount',
      nullable: true,
      description: 'The limit for the period. Null is unlimited.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether usage beyond the budget is allowed.',
    }),
    remaining: t.expose('remaining', {
      type: 'Amount',
      nullable: true,
      description: 'What is left of the budget and of top-ups. Null is unlimited.',
    }),
  }),
});

const Entitlement = builder.objectRef<EntitlementShape>('Entitlement').implement({
  description:
    'Whether the user may use a feature, and how much. Of several packages, the highest limit counts.',
  fields: (t) => ({
    access: t.exposeBoolean('access', {
      description: 'Whether the user may use the feature at least once.',
    }),
    reason: t.exposeString('reason', { description: 'Why access is given or denied, as a sentence.' }),
    consumption: t.expose('consumption', {
      type: Consumption,
      nullable: true,
      description: 'Null for a BINARY feature.',
    }),
  }),
});

export const Feature = builder.prismaObject('Feature', {
  description: 'Something that the user may use.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company.' }),
    name: t.exposeString('name', { description: 'The display name.' }),
    type: t.expose('type', { type: FeatureType, description: 'BINARY or CONSUMABLE.' }),
    unitLabel: t.exposeString('unitLabel', {
      nullable: true,
      description: 'The unit, singular, such as "API call". Only for CONSUMABLE features.',
    }),
    unitLabelPlural: t.exposeString('unitLabelPlural', {
      nullable: true,
      description: 'The unit, plural, such as "API calls". Only for CONSUMABLE features.',
    }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'A JSON object set by the company.',
    }),
    entitlement: t.field({
      type: Entitlement,
      description: 'The entitlement of the user. It is the same in every package that contains the feature.',
      resolve: async ({ id }, _args, { environmentId, userId, findStanding }) =>
        entitlementOf(await findStanding({ environmentId, userId, featureId: id }), oneUnit),
    }),
  }),
});

export const Package = builder.prismaObject('Package', {
  description: 'A set of features: a plan (base package) or an add-on.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company.' }),
    name: t.exposeString('name', { description: 'The display name.' }),
    isAddon: t.exposeBoolean('isAddon', { description: 'Whether it is an add-on.' }),
    metadata: t.expose('metadata', {
      type: 'JSON',
      nullable: true,
      description: 'A JSON object set by the company.',
    }),
    features: t.field({
      type: [Feature],
      description: 'The features, in the order of the package.',
      resolve: async (row, _args, context, info) => {
        const contents = await contentsOf(context, info, shownAs(row), (where) =>
          context.db.feature.findMany({ where }),
        );
        return contents.flatMap(({ feature }) => feature ?? []);
      },
    }),
  }),
});

export const User = builder.prismaObject('User', {
  description: 'The user of the credentials.',
  fields: (t) => ({
    id: t.exposeString('id', { description: 'Chosen by the company.' }),
    name: t.exposeString('name', { nullable: true, description: 'The display name of the user.' }),
    email: t.exposeString('email', { nullable: true, description: 'The email address.' }),
    subscribedPackages: t.field({
      type: [Package],
      description: "The packages of the user's ACTIVE and TRIALING subscriptions, oldest subscription first.",
      select: (_args, _context, nestedSelection) => ({
        subscriptions: {
          where: liveNow(),
          orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
          select: { packageVersion: true, package: nestedSelection(true) },
        },
      }),
      resolve: ({ subscriptions }) =>
        subscriptions.map((subscription) => atVersion(subscription.package, subscription.packageVersion)),
    }),
  }),
});

builder.queryType({
  description: 'What the user of the credentials may read.',
  fields: (t) => ({
    currentUser: t.prismaField({
      type: User,
      description: 'The user of the token or of X-User-ID. `UserNotFoundError` if the id is unknown.',
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
