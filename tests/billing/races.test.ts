import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startBillingApp } from './app.ts';
import { FakeStripe } from './fake-stripe.ts';

// Users are merged and deleted while events of their customers are projected, and while an import reads them too.

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingApp>>;

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingApp(stripe);
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

const rounds = Number(process.env.ROUNDS ?? 2);

test('whatever comes first, in the end everybody holds what is paid, and who is deleted stays deleted', async () => {
  const { app } = server;
  const names = ['free', 'pro', 'extra'];
  const prices = names.map((name) => stripe.createPrice(name));
  await server.connect();
  await server.importAll();
  for (const [index, name] of names.entries())
    await app.ok(`mutation { mapPrice(priceId: "${prices[index]}", packageId: "${name}") { id } }`);
  await server.settle();
  for (let round = 0; round < rounds; round += 1) {
    const people = Array.from({ length: 12 }, (_, index) => `r${round}-${index}@example.com`);
    const before = stripe.events.length;
    const subscriptions = people.map((email, index) =>
      stripe.subscribe(stripe.createCustomer(email), [prices[index % 3] ?? '']),
    );
    await server.deliver(stripe.events.slice(before));
    const changed = stripe.events.length;
    for (const [index, id] of subscriptions.entries())
      stripe.change(id, (row) => {
        row.status = (index + round) % 2 === 0 ? 'active' : 'past_due';
      });
    const events = stripe.events.slice(changed);
    const merges = [0, 4, 8].map((index) => [people[index], people[index + 1]]);
    const deleted = [people[2], people[6], people[10]];
    await Promise.all([
      ...[...events, ...events].map((event) => server.post(event)),
      ...merges.map((ids) => app.ok(`mutation { mergeUsers(ids: ${JSON.stringify(ids)}) { id } }`)),
      ...deleted.map((id) => app.ok(`mutation { deleteUser(id: "${id}") { id } }`)),
      app.ok('mutation { importStripe { accountId } }'),
    ]);
    await server.settle();
    await server.everyMinute();
    expect(await server.verify()).toEqual([]);
    const users = (await app.ok('{ users { id } }')).users.map(({ id }: { id: string }) => id);
    for (const id of deleted) expect(users).not.toContain(id);
    // The oldest one survives; users were created by several at once.
    for (const pair of merges) expect(users.filter((id: string) => pair.includes(id))).toHaveLength(1);
  }
});
