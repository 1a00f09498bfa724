import type {
  BillingMeterEvent as EventRow,
  BillingMeter as MeterRow,
} from '../../database/generated/client.ts';
import { builder } from '../../graphql/builder.ts';
import type { Context } from '../../graphql/context.ts';
import { readRows } from '../../graphql/limits/answer-size.ts';
import { listAfter, listArgs } from '../../graphql/list.ts';
import { nestedList } from '../../graphql/nested-list.ts';
import { Id, parse } from '../../input.ts';
import { Package } from '../../packages/graphql.ts';
import { createMeter, deleteMeter, retryMeter } from './meters.ts';
import { NewMeter } from './rules.ts';

const MeterScope = builder.enumType('BillingMeterScope', {
  description: 'What of usage is sent to a meter.',
  values: {
    ALL: { description: 'Each usage.' },
    OVERAGE: {
      description: 'What is beyond the budget, and was not paid by a top-up.',
    },
  } as const,
});

interface MeterShape extends MeterRow {
  pending: number;
  failed: number;
}

const BillingMeter = builder.objectRef<MeterShape>('BillingMeter').implement({
  description:
    'The meter at the billing provider that usage is sent to, of those who pay for the package there.',
  fields: (t) => ({
    featureId: t.exposeString('featureId', { description: 'The id of the feature.' }),
    eventName: t.exposeString('eventName', { description: 'The event name of the meter.' }),
    sends: t.expose('scope', { type: MeterScope, description: 'What of usage is sent.' }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'Usage that was recorded from then on is sent.',
    }),
    sent: t.float({
      description: 'How many usages were sent.',
      resolve: ({ sent }) => Number(sent),
    }),
    pending: t.exposeInt('pending', { description: 'How many usages wait to be sent.' }),
    failed: t.exposeInt('failed', {
      description: 'How many usages the provider refused; see billingMeterFailures.',
    }),
    lastSentAt: t.expose('lastSentAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When a usage was last sent. Null: none yet.',
    }),
  }),
});

/** The meters of packages, with what waits and what failed. */
async function metersOf({ db, environmentId }: Context, rows: MeterRow[]): Promise<MeterShape[]> {
  const counts = await db.billingMeterEvent.groupBy({
    by: ['packageId', 'featureId', 'state'],
    where: {
      environmentId,
      packageId: { in: rows.map(({ packageId }) => packageId) },
      state: { in: ['PENDING', 'FAILED'] },
    },
    _count: true,
  });
  const countOf = (row: MeterRow, state: EventRow['state']) =>
    counts.find(
      (each) => each.packageId === row.packageId && each.featureId === row.featureId && each.state === state,
    )?._count ?? 0;
  return rows.map((row) => ({ ...row, pending: countOf(row, 'PENDING'), failed: countOf(row, 'FAILED') }));
}

builder.prismaObjectField(Package, 'billingMeters', (t) =>
  t.field({
    type: [BillingMeter],
    description: 'The meters at the billing provider that usage of this package is sent to, by feature.',
    resolve: ({ id }, _args, context, info) =>
      nestedList(context, info, id, async (packageIds) => {
        const where = { environmentId: context.environmentId, packageId: { in: packageIds } };
        const rows = await readRows(context, info, (take) =>
          context.db.billingMeter.findMany({ where, orderBy: { featureId: 'asc' }, take }),
        );
        const meters = await metersOf(context, rows);
        return meters.map((meter) => ({ ownerId: meter.packageId, item: meter }));
      }),
  }),
);

const BillingMeterFailure = builder.objectRef<EventRow>('BillingMeterFailure').implement({
  description: 'A usage that the billing provider did not take.',
  fields: (t) => ({
    id: t.string({
      description: 'The id of the usage and of the package, to go on after it in a list.',
      resolve: ({ id, packageId }) => `${id} ${packageId}`,
    }),
    usageEventId: t.string({
      description: 'The id of the usage in the ledger.',
      resolve: ({ id }) => `${id}`,
    }),
    packageId: t.exposeString('packageId', { description: 'The id of the package.' }),
    featureId: t.exposeString('featureId', { description: 'The id of the feature.' }),
    customerId: t.exposeString('customerId', { description: 'The id of the customer at the provider.' }),
    occurredAt: t.expose('occurredAt', { type: 'DateTime', description: 'When it was used.' }),
    value: t.float({
      description: 'What was to be added to the meter.',
      resolve: ({ value }) => value.toNumber(),
    }),
    problem: t.exposeString('problem', { nullable: true, description: 'Why, in the words of the provider.' }),
  }),
});

const BillingMeterInput = builder.inputType('BillingMeterInput', {
  description: 'The meter at the billing provider that usage is sent to.',
  fields: (t) => ({
    packageId: t.string({ required: true, description: 'The id of the package.' }),
    featureId: t.string({
      required: true,
      description: 'A CONSUMABLE feature of the package that counts whole numbers.',
    }),
    eventName: t.string({
      required: true,
      description: 'The event name of an active meter at the provider that adds up.',
    }),
    sends: t.field({ type: MeterScope, required: true, description: 'What of usage is sent.' }),
  }),
});

const meterArgs = builder.args((t) => ({
  packageId: t.string({ required: true, description: 'The id of the package.' }),
  featureId: t.string({ required: true, description: 'The id of the feature.' }),
}));

const readMeterId = (args: { packageId: string; featureId: string }) => ({
  packageId: parse(Id, args.packageId, 'packageId'),
  featureId: parse(Id, args.featureId, 'featureId'),
});

builder.queryFields((t) => ({
  billingMeterFailures: t.field({
    type: [BillingMeterFailure],
    description: 'Usages that the billing provider did not take, in the order of the ledger.',
    args: listArgs,
    resolve: (_root, args, { db, environmentId }) =>
      listAfter(
        args,
        async (text) => {
          const [id = '', ...rest] = text.split(' ');
          const packageId = rest.join(' ');
          if (!/^\d{1,18}$/.test(id) || packageId === '') return null;
          return db.billingMeterEvent.findUnique({
            where: { environmentId_id_packageId: { environmentId, id: BigInt(id), packageId } },
            select: { id: true, packageId: true },
          });
        },
        ({ take, last }) =>
          db.billingMeterEvent.findMany({
            where: {
              ...{ environmentId, state: 'FAILED' },
              ...(last === null
                ? {}
                : { OR: [{ id: { gt: last.id } }, { id: last.id, packageId: { gt: last.packageId } }] }),
            },
            orderBy: [{ id: 'asc' }, { packageId: 'asc' }],
            take,
          }),
      ),
  }),
}));

builder.mutationFields((t) => ({
  createBillingMeter: t.prismaField({
    type: Package,
    description:
      'Sends usage of a feature to a meter at the billing provider from now on, of those who pay for the package there: each usage once. `StripeNotConnectedError`, `PackageNotFoundError`, `FeatureNotFoundError`, `BillingMeterAlreadyExistsError`; `ValidationError` for what the meter cannot add up.',
    args: { input: t.arg({ type: BillingMeterInput, required: true, description: 'What is sent where.' }) },
    resolve: async (query, _root, { input }, { db, author, environmentId, billing }) => {
      const meter = parse(NewMeter, input, 'input');
      await createMeter(db, billing.open, author, meter);
      const where = { environmentId_id: { environmentId, id: meter.packageId } };
      return db.package.findUniqueOrThrow({ ...query, where });
    },
  }),
  deleteBillingMeter: t.prismaField({
    type: Package,
    description:
      'Ends sending usage to a meter. What was not sent yet is not sent. `BillingMeterNotFoundError`.',
    args: meterArgs,
    resolve: async (query, _root, args, { db, author, environmentId }) => {
      const id = readMeterId(args);
      await deleteMeter(db, author, id);
      const where = { environmentId_id: { environmentId, id: id.packageId } };
      return db.package.findUniqueOrThrow({ ...query, where });
    },
  }),
  retryBillingMeter: t.int({
    description:
      'Sends again what the billing provider refused; returns how many usages. What it may have taken could count twice: compare the sums first. `BillingMeterNotFoundError`.',
    args: meterArgs,
    resolve: (_root, args, { db, author }) => retryMeter(db, author, readMeterId(args)),
  }),
}));
