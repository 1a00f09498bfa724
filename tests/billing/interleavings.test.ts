import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { heldStatuses } from '../../src/subscriptions/status-rules.ts';
import { startBillingApp } from './app.ts';
import { FakeStripe, type FakeSubscription } from './fake-stripe.ts';

// Whatever happens at Stripe, and however the events of it arrive, in the end two servers agree: one that got the events
// late, twice, out of order or not at all and then looked for what was missing, and one that imports everything at once.

const stripe = await new FakeStripe().start();
const followed = await startBillingApp(stripe);
const fresh = await startBillingApp(stripe);
afterAll(async () => {
  await followed.close();
  await fresh.close();
  await stripe.stop();
});

const numRuns = Number(process.env.RUNS ?? 3);

type Step = [action: number, who: number, what: number];
type Prices = { packages: string[]; once: string; later: string };

const pick = <Item>(items: readonly Item[], index: number): Item | undefined =>
  items[index % Math.max(items.length, 1)];

/** What happens to a subscription at Stripe. */
const subscriptionSteps: ((row: FakeSubscription, what: number, prices: Prices) => void)[] = [
  (row, what) => {
    row.status =
      pick(['active', 'trialing', 'past_due', 'unpaid', 'incomplete', 'paused', 'something_new'], what) ??
      'active';
    row.trial_end = row.status === 'trialing' ? stripe.now + 86_400 : row.trial_end;
  },
  (row, what, { packages }) => {
    row.items = row.items.map((item) => ({ ...item, price: pick(packages, what) ?? item.price }));
  },
  (row, what, { packages, later }) => {
    row.items.push({
      ...{ id: stripe.id('si'), price: pick([...packages, later], what) ?? later, created: stripe.now },
      quantity: what + 1,
    });
  },
  (row) => {
    if (row.items.length > 1) row.items.shift();
  },
  (row, what) => {
    row.items = row.items.map((item) => ({ ...item, quantity: what }));
  },
  (row) => {
    row.paused = !row.paused;
  },
  (row, what) => {
    row.cancel_at_period_end = what % 2 === 0;
    row.cancel_at = null;
  },
  (row, what) => {
    row.cancel_at_period_end = false;
    row.cancel_at = what % 3 === 0 ? null : stripe.now + 86_400 * what;
  },
  (row) => {
    Object.assign(row, { status: 'incomplete_expired', ended_at: stripe.now });
  },
];

/** Does something at Stripe. */
function act([action, who, what]: Step, prices: Prices, tag: string): void {
  const mine = stripe.customers.filter(({ email, deleted }) => !deleted && email?.startsWith(tag));
  const customer = pick(mine, who);
  const subscription = pick(
    stripe.subscriptions.filter(
      ({ customer: id, status }) =>
        id === customer?.id && status !== 'canceled' && status !== 'incomplete_expired',
    ),
    what,
  );
  stripe.now += 60;
  if (action === 0 || customer === undefined) {
    // An email of its own: who comes back as another customer is another user.
    stripe.createCustomer(`${tag}-${stripe.customers.length}@example.com`);
  } else if (action === 1) stripe.payOnce(customer.id, prices.once);
  else if (action === 2) stripe.refund(customer.id);
  else if (action === 3) stripe.changeCustomer(customer.id, { name: `Name ${what}` });
  else if (action === 4 && what === 0) stripe.changeCustomer(customer.id, { deleted: true });
  else if (action <= 6 || subscription === undefined) {
    const bought = [
      pick([...prices.packages, prices.later], what),
      ...(what > 6 ? [prices.packages[2]] : []),
    ];
    stripe.subscribe(
      customer.id,
      bought.map((id) => id ?? prices.later),
      { startedAt: stripe.now - 86_400 * (what + 1) },
    );
  } else if (action === 7) stripe.cancel(subscription.id);
  else stripe.change(subscription.id, (row) => pick(subscriptionSteps, action - 8)?.(row, what, prices));
}

/** The users with ids of our own: none has an email of a customer. */
const ownIds = (tag: string) => [0, 1].map((index) => `${tag}-own${index}`);

const createOwn = ({ app }: typeof followed, tag: string) =>
  Promise.all(
    ownIds(tag).map((id) =>
      app.ok(
        `mutation { createUser(input: { id: "${id}", name: "Own", email: "${id}@example.net" }) { id } }`,
      ),
    ),
  );

/** Gives the users of our own on one server the billing ids that they have on the other one. */
async function copyBillingIds(tag: string): Promise<void> {
  const where = { id: { in: ownIds(tag) } };
  for (const { id, billingId } of await followed.app.database.prisma.user.findMany({ where }))
    await setBillingId(fresh, id, billingId);
}

const setBillingId = ({ app }: typeof followed, id: string, billingId: string | null) =>
  app.ok(
    'mutation ($id: String!, $billingId: String) { updateUser(id: $id, input: { id: $id, billingId: $billingId }) { id } }',
    { id, billingId },
  );

/** Changes here what is held at Stripe, which may be refused, and records usage. */
async function actHere([action, who, what]: Step, tag: string): Promise<void> {
  const { app } = followed;
  const { prisma } = app.database;
  const users = await prisma.user.findMany({ where: { id: { startsWith: tag } }, orderBy: { key: 'asc' } });
  const user = pick(users, who);
  if (user === undefined) return;
  if (action > 7) {
    const customer = pick([...stripe.customers, undefined], what);
    return void (await setBillingId(followed, pick(ownIds(tag), who) ?? '', customer?.id ?? null));
  }
  const held = await prisma.subscription.findMany({
    where: { userKey: user.key, provider: { not: null }, status: { in: [...heldStatuses] } },
    orderBy: { id: 'asc' },
  });
  const atStripe = held.filter(({ providerSubscriptionId }) => providerSubscriptionId !== null);
  const id = pick(atStripe, what)?.id;
  // What was paid once has an end here only, which a cancelled base package gives it: Stripe, asked anew, tells of none.
  const cancels = atStripe.length < held.length ? 'resumeSubscription' : 'cancelSubscription';
  const calls = [
    `${cancels}(id: "${id}") { id }`,
    `${cancels}(id: "${id}" ${cancels === 'cancelSubscription' ? ', atPeriodEnd: true' : ''}) { id }`,
    `resumeSubscription(id: "${id}") { id }`,
    `changePackage(userId: "${user.id}", packageId: "${pick(['free', 'pro'], what)}", usage: ${pick(['CARRY', 'RESET'], what)}) { replaced { id } }`,
    `recordUsage(input: { userId: "${user.id}", featureId: "calls", delta: ${what * 300} }) { recorded }`,
    `recordUsage(input: { userId: "${user.id}", featureId: "calls", delta: ${what * 300}, action: SET }) { recorded }`,
  ];
  await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query: `mutation { ${pick(calls, action)} }` });
  if (action > 5) await followed.everyMinute();
}

/** What is held and flagged, of the users of one run. */
async function outcomeOf({ app }: typeof followed) {
  const { prisma } = app.database;
  // An import does not see deleted customers. Nothing is held by them.
  const customers = await prisma.stripeCustomer.findMany({
    where: { isDeleted: false, id: { in: stripe.customers.map(({ id }) => id) } },
    orderBy: { id: 'asc' },
  });
  const users = await prisma.user.findMany({
    where: { key: { in: customers.flatMap(({ userKey }) => userKey ?? []) } },
    orderBy: { id: 'asc' },
    select: { key: true, id: true, name: true, email: true, billingId: true, imported: true },
  });
  const rows = await prisma.subscription.findMany({
    where: { userKey: { in: users.map(({ key }) => key) } },
  });
  const ids = new Map(users.map(({ key, id }) => [key, id]));
  const subscriptions = new Map(
    rows.map((row) => [
      `${ids.get(row.userKey)} ${row.providerItemId} ${row.packageId}`,
      {
        ...{ status: row.status, startedAt: row.startedAt, endedAt: row.endedAt, trialEnd: row.trialEnd },
        ...{ said: row.providerStatus, cancelsAt: row.providerCancelsAt, isAddon: row.isAddon },
      },
    ]),
  );
  return {
    users: users.map(({ key: _key, ...facts }) => facts),
    flags: customers.map(({ id, flags }) => [id, flags]),
    subscriptions,
  };
}

const chosenFrom = (events: FakeStripe['events'], how: [index: number, times: number][]) =>
  how.flatMap(([index, times]) =>
    Array.from({ length: times }, () => events[index % events.length]).filter((event) => event !== undefined),
  );

type Outcome = Awaited<ReturnType<typeof outcomeOf>>;

function comparable(found: Outcome, wanted: Outcome): { found: Outcome; wanted: Outcome } {
  const lasting = ({ subscriptions, ...rest }: Outcome) => ({
    ...rest,
    subscriptions: new Map(
      [...subscriptions]
        // What was held in between stays as a row that has ended.
        .filter(([key, row]) => wanted.subscriptions.has(key) || isHeld(row))
        .sort(),
    ),
  });
  return { found: lasting(found), wanted: lasting(wanted) };
}

/** What meters have of customers at Stripe, where it was ever less than nothing. */
function takenBackTooMuch(): string[] {
  const sums = new Map<string, number>();
  return stripe.meterEvents.flatMap(({ customer, value }) => {
    const sum = (sums.get(customer) ?? 0) + Number(value);
    sums.set(customer, sum);
    return sum < 0 ? [`${customer}: ${sum}`] : [];
  });
}

const isHeld = ({ status }: { status: string }) => (heldStatuses as readonly string[]).includes(status);

test(
  'events that come late, twice, out of order or never end in what a fresh import gives',
  async () => {
    const names = ['free', 'pro', 'extra'];
    const packages = names.map((name) => stripe.createPrice(name));
    const once = stripe.createPrice('once', { interval: null });
    stripe.createMeter('calls');
    const map = ({ app }: typeof followed, priceId: string, packageId: string) =>
      app.ok(`mutation { mapPrice(priceId: "${priceId}", packageId: "${packageId}") { id } }`);
    for (const server of [followed, fresh]) {
      await server.connect();
      await server.importAll();
      for (const [index, name] of names.entries()) await map(server, packages[index] ?? '', name);
      await map(server, once, 'extra');
    }
    await followed.app.ok(`mutation { createBillingMeter(
    input: { packageId: "pro", featureId: "calls", eventName: "calls", sends: OVERAGE }) { id } }`);
    let run = 0;
    const steps = fc.array(fc.tuple(fc.nat(16), fc.nat(5), fc.nat(9)), { minLength: 3, maxLength: 16 });
    const here = fc.array(fc.tuple(fc.nat(9), fc.nat(5), fc.nat(9)), { maxLength: 8 });
    const deliveries = fc.array(fc.tuple(fc.nat(30), fc.nat(2)), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, here, deliveries, fc.nat(15), async (there, ours, how, mappedAt) => {
        run += 1;
        stripe.forget();
        for (const { app } of [followed, fresh]) await app.database.prisma.stripeCustomer.deleteMany();
        stripe.now = Math.floor(Date.now() / 1_000) - 7_200;
        const later = stripe.createPrice('later', { currency: 'usd' });
        const since = new Date(stripe.now * 1_000);
        for (const server of [followed, fresh]) await server.deliver(stripe.events);
        await map(fresh, later, 'free');
        for (const server of [followed, fresh]) await createOwn(server, `run${run}`);
        const happen = async (step: Step, index: number) => {
          act(step, { packages, once, later }, `run${run}`);
          // Some events arrive at once, some later and twice, in another order.
          if (index % 3 === 0) await followed.deliver(stripe.events.slice(-1));
          const own = ours[index];
          if (own !== undefined) await actHere(own, `run${run}`);
          if (index === mappedAt) await map(followed, later, 'free');
        };
        for (const [index, step] of there.entries()) await happen(step, index);
        await followed.deliver(chosenFrom(stripe.events, how));
        await followed.reconcile(since);
        if (mappedAt >= there.length) await map(followed, later, 'free');
        await followed.everyMinute();
        await copyBillingIds(`run${run}`);
        await fresh.importAll();
        const { found, wanted } = comparable(await outcomeOf(followed), await outcomeOf(fresh));
        expect(found).toEqual(wanted);
        expect(await followed.verify()).toEqual([]);
        expect(takenBackTooMuch()).toEqual([]);
        stripe.prices = stripe.prices.filter(({ id }) => id !== later);
      }),
      {
        ...{ numRuns, seed: Number(process.env.SEED ?? 1), endOnFailure: true },
        // One case of a seed, as a failure names it.
        ...(process.env.CASE === undefined ? {} : { path: process.env.CASE }),
      },
    );
  },
  60_000 + numRuns * 20_000,
);
