import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { startBillingApp } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

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

type Step = [action: number, who: number, what: number];

/** Does something at Stripe. */
function act([action, who, what]: Step, priceIds: string[], tag: string): void {
  const pick = <Item>(items: Item[], index: number): Item | undefined =>
    items[index % Math.max(items.length, 1)];
  const mine = stripe.customers.filter(({ email, deleted }) => !deleted && email?.startsWith(tag));
  const customer = pick(mine, who);
  const subscription = pick(
    stripe.subscriptions.filter(({ customer: id, status }) => id === customer?.id && status !== 'canceled'),
    what,
  );
  stripe.now += 60;
  if (action === 0 || customer === undefined) {
    // An email of its own: who comes back as another customer is another user.
    stripe.createCustomer(`${tag}-${stripe.customers.length}@example.com`);
    return;
  }
  if (action <= 2 || subscription === undefined) {
    stripe.subscribe(customer.id, [pick(priceIds, what) ?? ''], {
      startedAt: stripe.now - 86_400 * (what + 1),
    });
    return;
  }
  if (action === 3) stripe.cancel(subscription.id);
  else if (action === 4)
    stripe.change(subscription.id, (row) => {
      row.status =
        (['active', 'trialing', 'past_due', 'unpaid', 'incomplete'] as const)[what % 5] ?? 'active';
    });
  else if (action === 5)
    stripe.change(subscription.id, (row) => {
      row.items = row.items.map((item) => ({ ...item, price: pick(priceIds, who + what) ?? item.price }));
    });
  else if (action === 6)
    stripe.change(subscription.id, (row) => {
      row.paused = !row.paused;
    });
  else if (action === 7) stripe.changeCustomer(customer.id, { name: `Name ${what}` });
  else stripe.changeCustomer(customer.id, { deleted: true });
}

/** What is held, of the users of one run. */
async function heldIn({ app }: typeof followed, tag: string) {
  const rows = await app.database.prisma.subscription.findMany({
    where: {
      user: { id: { startsWith: tag } },
      status: { in: ['ACTIVE', 'TRIALING', 'PAST_DUE', 'UNPAID', 'INCOMPLETE'] },
    },
    include: { user: true },
    orderBy: [{ userKey: 'asc' }, { packageId: 'asc' }],
  });
  const held = rows.map((row) => [
    row.user.id,
    row.user.name,
    row.packageId,
    row.status,
    row.providerStatus,
    row.startedAt,
  ]);
  // An import does not see deleted customers. Nothing is held by them.
  const customers = await app.database.prisma.stripeCustomer.findMany({
    where: { isDeleted: false },
    orderBy: { id: 'asc' },
  });
  const flags = customers.map(({ id, flags: found }) => [id, found]);
  return { held: held.sort(), flags };
}

test('events that come late, twice, out of order or never end in what a fresh import gives', async () => {
  const priceIds = ['free', 'pro', 'extra'].map((name) => stripe.createPrice(name));
  for (const { app, connect, importAll } of [followed, fresh]) {
    await connect();
    await importAll();
    for (const [index, id] of ['free', 'pro', 'extra'].entries())
      await app.ok(`mutation { mapPrice(priceId: "${priceIds[index]}", packageId: "${id}") { id } }`);
  }
  let run = 0;
  const steps = fc.array(fc.tuple(fc.nat(8), fc.nat(5), fc.nat(9)), { minLength: 3, maxLength: 14 });
  const deliveries = fc.array(fc.tuple(fc.nat(30), fc.nat(2)), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(steps, deliveries, async (what, how) => {
      run += 1;
      const tag = `run${run}`;
      stripe.forget();
      const since = new Date();
      for (const [index, step] of what.entries()) {
        act(step, priceIds, tag);
        // Some events arrive at once, some later and twice, in another order.
        if (index % 3 === 0) await followed.deliver(stripe.events.slice(-1));
      }
      const { events } = stripe;
      const chosen = how.flatMap(([index, times]) =>
        Array.from({ length: times }, () => events[index % events.length]),
      );
      await followed.deliver(chosen.filter((event) => event !== undefined));
      await followed.reconcile(since);
      await fresh.importAll();
      expect(await heldIn(followed, tag)).toEqual(await heldIn(fresh, tag));
    }),
    { numRuns: Number(process.env.RUNS ?? 6), seed: Number(process.env.SEED ?? 1), endOnFailure: true },
  );
});
