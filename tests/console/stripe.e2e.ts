import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startBillingApp, webhookSecret } from '../billing/app.ts';
import { FakeStripe } from '../billing/fake-stripe.ts';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';

// From an account at Stripe to the first package that is held by what is paid: each test goes on where the last one ended.

let stripe: FakeStripe;
let server: Awaited<ReturnType<typeof startBillingApp>>;
let browser: Browser;
let page: Page;
const barriers: string[] = [];

const look = async (name: string) => {
  for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
};
const dialog = () => page.getByRole('dialog');

beforeAll(async () => {
  stripe = await new FakeStripe().start();
  const price = stripe.createPrice('Professional', { amount: 5_000 });
  stripe.subscribe(stripe.createCustomer('ada@example.com'), [price]);
  server = await startBillingApp(stripe, { withConsole: true });
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(15_000);
  await signIn(page, server.app.url, server.app.keys.test);
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  await stripe?.stop();
});

it('says what is needed while Stripe is not connected, and which key is wrong', async () => {
  await page.getByRole('link', { name: 'Configuration', exact: true }).click();
  await page.getByRole('link', { name: 'Stripe', exact: true }).click();
  await page.getByText('Stripe is not connected').waitFor();
  await look('stripe-empty');
  await page.getByRole('button', { name: 'Connect Stripe' }).click();
  await dialog().getByText(`${server.app.url}/billing/stripe/webhook`).waitFor();
  await dialog().getByLabel('Secret or restricted key').fill('sk_live_ours');
  await dialog().getByLabel('Signing secret of the webhook endpoint').fill(webhookSecret);
  await dialog().getByRole('button', { name: 'Connect', exact: true }).click();
  await dialog().getByText("must be a key of Stripe's test mode").waitFor();
  await look('stripe-connect');
});

it('imports, and whoever pays a price holds its package once it is chosen', async () => {
  await dialog().getByLabel('Secret or restricted key').fill('sk_test_ours');
  await dialog().getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByRole('button', { name: 'Import', exact: true }).click();
  await page.getByText('Imported 1 price, 1 customer, 1 subscription').waitFor();
  await page.getByText('50.00 EUR a month').waitFor();
  await page.getByRole('button', { name: 'Choose a package: Professional' }).click();
  await dialog().getByRole('combobox', { name: 'Package' }).click();
  await page.getByRole('option', { name: 'pro', exact: true }).click();
  await dialog().getByRole('button', { name: 'Save' }).click();
  await page.getByRole('link', { name: 'pro', exact: true }).waitFor();
  await page.getByText('Nothing needs you.').waitFor();
  await look('stripe');
  await server.settle();
  const { subscriptions } = await server.app.ok(
    '{ subscriptions(userId: "ada@example.com") { status package { id } } }',
  );
  expect(subscriptions).toEqual([{ status: 'ACTIVE', package: { id: 'pro' } }]);
});

it('keeps nobody out', () => {
  expect(barriers).toEqual([]);
});
