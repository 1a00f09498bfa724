// What most people would write: Pothos and Prisma, one interactive transaction a request.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import SchemaBuilder from '@pothos/core';
import { PrismaPg } from '@prisma/adapter-pg';
import { createYoga } from 'graphql-yoga';
import { PrismaClient } from '../../dist/database/generated/client.js';

const prisma = new PrismaClient({
  adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 10 }),
  transactionOptions: { maxWait: 30_000, timeout: 30_000 },
});
const builder = new SchemaBuilder({});

const CreateUsageEventInput = builder.inputType('CreateUsageEventInput', {
  fields: (t) => ({
    userId: t.string({ required: true }),
    featureId: t.string({ required: true }),
    delta: t.int({ defaultValue: 1 }),
    idempotencyKey: t.string(),
  }),
});
const RecordedUsage = builder.objectRef('RecordedUsage').implement({
  fields: (t) => ({
    recorded: t.exposeBoolean('recorded'),
    reason: t.exposeString('reason', { nullable: true }),
  }),
});
builder.queryType({ fields: (t) => ({ ok: t.boolean({ resolve: () => true }) }) });
builder.mutationType({
  fields: (t) => ({
    recordUsage: t.field({
      type: RecordedUsage,
      args: { input: t.arg({ type: CreateUsageEventInput, required: true }) },
      resolve: (_root, { input }, { environmentId }) =>
        prisma.$transaction((tx) => record(tx, environmentId, input)),
    }),
  }),
});

async function record(tx, environmentId, { userId, featureId, delta, idempotencyKey }) {
  const user = await tx.user.findUniqueOrThrow({
    where: { environmentId_id: { environmentId, id: userId } },
  });
  const feature = await tx.feature.findUniqueOrThrow({
    where: { environmentId_id: { environmentId, id: featureId } },
  });
  const subscriptions = await tx.subscription.findMany({
    where: { userKey: user.key, status: { in: ['ACTIVE', 'TRIALING'] } },
    include: { package: { include: { features: { where: { featureId: feature.id } } } } },
  });
  await tx.usageEvent.create({
    data: {
      userKey: user.key,
      environmentId,
      featureId: feature.id,
      action: 'ADD',
      delta,
      occurredAt: new Date(),
      idempotencyKey,
    },
  });
  for (const subscription of subscriptions) {
    const [granted] = subscription.package.features;
    if (!granted) continue;
    const counter = {
      userKey: user.key,
      subscriptionId: subscription.id,
      featureId: feature.id,
      windowStart: windowStart(subscription.startedAt, granted.resetPeriod),
    };
    await tx.usageCounter.upsert({
      where: { userKey_subscriptionId_featureId_windowStart: counter },
      create: { ...counter, environmentId, used: delta },
      update: { used: { increment: delta } },
    });
  }
  return { recorded: true, reason: null };
}

function windowStart(startedAt, period) {
  const start = new Date(startedAt);
  const now = new Date();
  if (period === 'MONTH') start.setUTCMonth(start.getUTCMonth() + monthsBetween(start, now));
  return start;
}

const monthsBetween = (a, b) =>
  (b.getUTCFullYear() - a.getUTCFullYear()) * 12 + b.getUTCMonth() - a.getUTCMonth();

const yoga = createYoga({
  schema: builder.toSchema(),
  logging: false,
  context: async ({ request }) => {
    const hash = createHash('sha256')
      .update(request.headers.get('authorization') ?? '')
      .digest('hex');
    return { environmentId: (await prisma.apiKey.findUniqueOrThrow({ where: { hash } })).environmentId };
  },
});

createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
