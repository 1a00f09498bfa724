import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FakeStripe } from './fake-stripe.ts';
import { startBillingServer } from './server.ts';

/*
 * How long a large import takes, the first time and again, and with how much memory.
 * `CUSTOMERS=20000 npm run test:stripe -- tests/billing/import`
 */

const customers = Number(process.env.CUSTOMERS ?? 20_000);
const subscriptions = customers * 1.5;

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingServer>>;

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  server = await startBillingServer(stripe);
});
afterAll(async () => {
  await server.close();
  await stripe.stop();
});

/** The memory of the server's process in MiB, now and at most. */
function memory(): string {
  const status = readFileSync(`/proc/${server.process().child.pid}/status`, 'utf8');
  const mebibytes = (name: string) =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
  return `${mebibytes('VmRSS')} MiB, at most ${mebibytes('VmHWM')} MiB`;
}

test('many customers are imported with constant memory and a progress', async () => {
  await server.ok(`mutation { createFeature(input: { id: "calls", type: BINARY }) { id }
    a: createPackage(input: { id: "base", features: [{ id: "calls" }] }) { id } b: publishPackage(id: "base") { id }
    c: createPackage(input: { id: "addon", isAddon: true, features: [{ id: "calls" }] }) { id } d: publishPackage(id: "addon") { id } }`);
  const [base, addon] = [stripe.createPrice('Base'), stripe.createPrice('Addon')];
  await server.until(async () => (await server.readImport()) !== undefined);
  await server.ok('mutation { importStripe { accountId } }');
  await server.until(async () => (await server.readImport()).state === 'DONE');
  for (const [priceId, packageId] of [
    [base, 'base'],
    [addon, 'addon'],
  ])
    await server.ok(`mutation { mapPrice(priceId: "${priceId}", packageId: "${packageId}") { id } }`);
  for (let index = 0; index < customers; index += 1) {
    const customer = stripe.createCustomer(`c${index}@example.com`);
    stripe.subscribe(customer, [base]);
    if (index % 2 === 0) stripe.subscribe(customer, [addon]);
  }
  stripe.events = [];
  for (const time of ['first', 'again']) await measure(time);
  expect(await server.readImport()).toMatchObject({ state: 'DONE', customers, subscriptions });
  expect(await server.database.prisma.subscription.count({ where: { status: 'ACTIVE' } })).toBe(
    subscriptions,
  );
});

const tell = (line: string) => process.stdout.write(`${line}\n`);

async function measure(time: string): Promise<void> {
  tell(`${time}: ${memory()}`);
  const begin = Date.now();
  const requests = stripe.requests.length;
  await server.ok('mutation { importStripe { accountId } }');
  let next = 0.1;
  await server.until(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const { state, customers: done } = await server.readImport();
      while (next <= 1 && done >= next * customers) {
        tell(`${Math.round(next * 100)} %: ${Math.round((Date.now() - begin) / 1_000)} s, ${memory()}`);
        next += 0.1;
      }
      return state !== 'RUNNING';
    },
    2 * 60 * 60_000,
  );
  const seconds = (Date.now() - begin) / 1_000;
  tell(
    `${customers} customers, ${subscriptions} subscriptions: ${seconds.toFixed(0)} s, ${(customers / seconds).toFixed(1)} customers a second, ${stripe.requests.length - requests} requests`,
  );
}
