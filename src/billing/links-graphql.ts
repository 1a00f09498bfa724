import { builder } from '../graphql/builder.ts';
import { readRows } from '../graphql/limits/answer-size.ts';
import { nestedList } from '../graphql/nested-list.ts';
import { Id, parse } from '../input.ts';
import { Package } from '../packages/graphql.ts';
import { createTemplate, deleteTemplate, generateLink, generatePortalLink } from './links.ts';
import { BillingTemplate, ReturnUrl } from './links-rules.ts';

const BillingTemplateType = builder.prismaObject('BillingTemplate', {
  description: 'What a payment link sells: prices of one package, in one currency and billing interval.',
  fields: (t) => ({
    id: t.exposeString('id', {
      description: 'Chosen by the company, unique in the environment, such as "pro-50gbp-month".',
    }),
    currency: t.exposeString('currency', { description: 'The ISO 4217 code in lower case, such as "gbp".' }),
    interval: t.exposeString('interval', {
      nullable: true,
      description: 'The billing interval: day, week, month or year. Null: it is paid once.',
    }),
    priceIds: t.exposeStringList('priceIds', { description: 'The ids of the prices at the provider.' }),
  }),
});

const BillingTemplateInput = builder.inputType('BillingTemplateInput', {
  description: 'What a payment link sells.',
  fields: (t) => ({
    id: t.string({ required: true, description: 'An id of your choice, such as "pro-50gbp-month".' }),
    currency: t.string({ required: true, description: 'The ISO 4217 code of all its prices.' }),
    interval: t.string({
      description:
        'day, week, month or year: the interval of its recurring prices. Without it, it is paid once.',
    }),
    prices: t.stringList({
      required: true,
      description: 'The ids of the prices at the provider. Each has to be mapped to the package.',
    }),
  }),
});

const SubscriptionLink = builder.objectRef<{ url: string }>('SubscriptionLink').implement({
  description: 'A payment page at the billing provider.',
  fields: (t) => ({ url: t.exposeString('url', { description: 'Where the customer pays.' }) }),
});

const PortalLink = builder.objectRef<{ url: string }>('PortalLink').implement({
  description: 'A page at the billing provider on which a customer sees bills and changes cards.',
  fields: (t) => ({
    url: t.exposeString('url', { description: 'The address. It is valid for a short time.' }),
  }),
});

builder.prismaObjectField(Package, 'billingTemplates', (t) =>
  t.field({
    type: [BillingTemplateType],
    description: 'What payment links of this package can sell, oldest first.',
    resolve: ({ id }, _args, context, info) =>
      nestedList(context, info, id, async (packageIds) => {
        const where = { environmentId: context.environmentId, packageId: { in: packageIds } };
        const rows = await readRows(context, info, (take) =>
          context.db.billingTemplate.findMany({
            where,
            orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
            take,
          }),
        );
        return rows.map((row) => ({ ownerId: row.packageId, item: row }));
      }),
  }),
);

builder.mutationFields((t) => ({
  createBillingTemplate: t.prismaField({
    type: Package,
    description:
      'Adds what a payment link of a package can sell. `PackageNotFoundError`; `ValidationError` that names a price that does not fit; `BillingTemplateAlreadyExistsError`.',
    args: {
      packageId: t.arg.string({ required: true, description: 'The id of the package.' }),
      input: t.arg({ type: BillingTemplateInput, required: true, description: 'What it sells.' }),
    },
    resolve: async (query, _root, { packageId, input }, { db, author, environmentId }) => {
      const id = parse(Id, packageId, 'packageId');
      await createTemplate(db, author, id, parse(BillingTemplate, input, 'input'));
      return db.package.findUniqueOrThrow({ ...query, where: { environmentId_id: { environmentId, id } } });
    },
  }),
  deleteBillingTemplate: t.string({
    description:
      'Deletes a billing template; returns its id. Links that were made with it go on working. `BillingTemplateNotFoundError`.',
    args: { id: t.arg.string({ required: true, description: 'The id of the template.' }) },
    resolve: async (_root, args, { db, author }) => {
      const id = parse(Id, args.id, 'id');
      await deleteTemplate(db, author, id);
      return id;
    },
  }),
  generateSubscriptionLink: t.field({
    type: SubscriptionLink,
    description:
      'Makes a link to a payment page. What is paid there appears as a subscription by itself. `SubscriptionLinkError` without a connection with Stripe, for an unknown template, for a package that is not PUBLISHED, and for a base package if the user holds one.',
    args: {
      userId: t.arg.string({
        description:
          'The id of the user. Without it, or if nobody has it, the person who pays becomes a user.',
      }),
      templateId: t.arg.string({ required: true, description: 'The billing template of a package.' }),
      successUrl: t.arg.string({ required: true, description: 'The address to return to after payment.' }),
      cancelUrl: t.arg.string({ required: true, description: 'The address to return to without payment.' }),
    },
    resolve: async (_root, args, { db, environmentId, billing }) => {
      const url = await generateLink(db, billing.open, environmentId, {
        userId: parse(Id.nullish(), args.userId, 'userId') ?? null,
        templateId: parse(Id, args.templateId, 'templateId'),
        successUrl: parse(ReturnUrl, args.successUrl, 'successUrl'),
        cancelUrl: parse(ReturnUrl, args.cancelUrl, 'cancelUrl'),
      });
      return { url };
    },
  }),
  generatePortalLink: t.field({
    type: PortalLink,
    description:
      'Makes a link to the page at the billing provider on which a customer sees bills, changes cards and cancels. `UserNotFoundError`, or `SubscriptionLinkError` for a user who is no customer there.',
    args: {
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      returnUrl: t.arg.string({ required: true, description: 'The address to return to.' }),
    },
    resolve: async (_root, args, { db, environmentId, billing }) => {
      const userId = parse(Id, args.userId, 'userId');
      const returnUrl = parse(ReturnUrl, args.returnUrl, 'returnUrl');
      return { url: await generatePortalLink(db, billing.open, environmentId, { userId, returnUrl }) };
    },
  }),
}));
