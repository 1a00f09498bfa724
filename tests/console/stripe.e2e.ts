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
  stripe.createPrice('Setup', { amount: 900, interval: null });
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
  await page.getByText('Imported 2 prices, 1 customer, 1 subscription').waitFor();
  const prices = page.getByRole('table', { name: 'Prices at Stripe' });
  await prices.getByText('50.00 EUR a month').waitFor();
  const bought = page.getByRole('table', { name: 'Subscriptions at Stripe' });
  await bought.getByText('Professional, 50.00 EUR a month').waitFor();
  await bought.getByText('No package').waitFor();
  await bought.getByRole('link', { name: 'ada@example.com' }).waitFor();
  await page.getByText('Without a package', { exact: true }).click();
  await bought.getByText('paid until').waitFor();
  await look('stripe-subscriptions');
  await page.getByRole('button', { name: 'Choose a package: Professional' }).click();
  await dialog().getByRole('combobox', { name: 'Package' }).click();
  await page.getByRole('option', { name: 'pro', exact: true }).click();
  await dialog().getByRole('button', { name: 'Save' }).click();
  await prices.getByRole('link', { name: 'pro', exact: true }).waitFor();
  await page.getByText('Nothing needs you.').waitFor();
  await page.getByText('Every price that somebody pays has a package.').waitFor();
  await page.getByText('All', { exact: true }).click();
  await bought.getByRole('link', { name: 'pro', exact: true }).waitFor();
  await look('stripe');
  await server.settle();
  const { subscriptions } = await server.app.ok(
    '{ subscriptions(userId: "ada@example.com") { status package { id } } }',
  );
  expect(subscriptions).toEqual([{ status: 'ACTIVE', package: { id: 'pro' } }]);
});

it('makes a price at Stripe for a package, picks another, and says what links sell', async () => {
  await page
    .getByRole('table', { name: 'Prices at Stripe' })
    .getByRole('link', { name: 'pro', exact: true })
    .click();
  const billing = page.getByRole('table', { name: 'Prices at Stripe' });
  await billing.getByText('50.00 EUR a month').waitFor();
  await page.getByRole('button', { name: 'Create new' }).click();
  await dialog().getByLabel('Product name').fill('Professional, by year');
  await dialog().getByLabel('Amount').fill('500');
  await dialog().getByLabel('Currency').fill('gbp');
  await dialog().getByRole('combobox', { name: 'Interval' }).click();
  await page.getByRole('option', { name: 'Yearly' }).click();
  await look('package-billing-create');
  await dialog().getByRole('button', { name: 'Create', exact: true }).click();
  await billing.getByText('500.00 GBP a year').waitFor();
  expect(stripe.prices.at(-1)).toMatchObject({ amount: 50_000, currency: 'gbp', interval: 'year' });

  await page.getByRole('button', { name: 'Pick from Stripe' }).click();
  await dialog().getByRole('combobox', { name: 'Price at Stripe' }).click();
  await page.getByRole('option', { name: 'Setup, 9.00 EUR once' }).click();
  await look('package-billing-pick');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await billing.getByText('9.00 EUR once').waitFor();

  await page.getByRole('button', { name: 'Add a template' }).click();
  await dialog().getByRole('combobox', { name: 'Prices' }).click();
  await page.getByRole('option', { name: 'Professional, by year, 500.00 GBP a year' }).click();
  expect(await dialog().getByLabel('Id').inputValue()).toBe('pro-500gbp-year');
  await page.keyboard.press('Tab');
  await dialog().getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('table', { name: 'Billing templates' }).getByText('500.00 GBP a year').waitFor();
  await page.getByRole('table', { name: 'Subscribers' }).getByText('by Stripe').waitFor();
  await look('package-billing');
  await page.setViewportSize({ width: 390, height: 844 });
  await look('package-billing-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });
});

it("shows whose word a subscription's status is, and what needs a person", async () => {
  const [subscription] = stripe.subscriptions;
  stripe.change(subscription?.id ?? '', (row) => {
    Object.assign(row, { status: 'paused' });
  });
  stripe.change(subscription?.id ?? '', (row) => {
    row.paused = true;
  });
  await server.deliver(stripe.events.slice(-2));
  await page.getByRole('link', { name: 'ada@example.com' }).click();
  await page.getByText('by Stripe: paused').waitFor();
  await page.getByText('What is paid at Stripe needs a look').waitFor();
  await page.getByText('Stripe collects no payments').waitFor();
  await look('user-by-stripe');
  await page.getByRole('link', { name: 'Configuration', exact: true }).click();
  await page.getByRole('link', { name: 'Stripe', exact: true }).click();
  await page.getByRole('table', { name: 'Flags' }).getByText('Stripe collects no payments').waitFor();
  await page
    .getByRole('table', { name: 'Subscriptions at Stripe' })
    .getByText('paused, payments paused')
    .waitFor();
  await look('stripe-flags');
  await page.setViewportSize({ width: 390, height: 844 });
  await look('stripe-flags-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });
});

it('makes prices at Stripe together with a new package, and goes on where Stripe refused one', async () => {
  await page.getByRole('link', { name: 'Packages', exact: true }).click();
  await page.getByRole('link', { name: 'New package' }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Team');
  const fill = async (amount: string) => {
    await page.getByRole('button', { name: 'Create new' }).click();
    expect(await dialog().getByLabel('Product name').inputValue()).toBe('Team');
    await dialog().getByLabel('Amount').fill(amount);
    await dialog().getByRole('button', { name: 'Add', exact: true }).click();
    await dialog().waitFor({ state: 'detached' });
  };
  await fill('80');
  await fill('800');
  const planned = page.getByRole('table', { name: 'Prices to create' });
  await planned.getByText('800.00 USD a month').waitFor();
  await look('package-new-prices');
  const made = stripe.prices.length;
  stripe.onRequest = () => {
    stripe.isDown = stripe.prices.length > made;
  };
  await page.getByRole('button', { name: 'Save as draft' }).click();
  await page.getByText('Stripe refused or could not be reached').waitFor();
  await planned.getByText('80.00 USD a month', { exact: true }).waitFor({ state: 'detached' });
  stripe.onRequest = () => undefined;
  stripe.isDown = false;
  await page.getByRole('button', { name: 'Save as draft' }).click();
  const billing = page.getByRole('table', { name: 'Prices at Stripe' });
  await billing.getByText('800.00 USD a month').waitFor();
  await billing.getByText('80.00 USD a month', { exact: true }).waitFor();
  expect(stripe.prices.slice(made).map(({ amount }) => amount)).toEqual([8_000, 80_000]);
});

it('disconnects, says what is still held, and goes on with the same account', async () => {
  await page.getByRole('link', { name: 'Configuration', exact: true }).click();
  await page.getByRole('link', { name: 'Stripe', exact: true }).click();
  await page.getByRole('button', { name: 'Disconnect', exact: true }).click();
  await dialog().getByText('customers go on paying there').waitFor();
  await look('stripe-disconnect');
  await dialog().getByRole('button', { name: 'Disconnect Stripe' }).click();
  await page.getByText('It still holds 1 subscription').waitFor();
  await look('stripe-disconnected');
  await page.getByRole('button', { name: 'Connect Stripe' }).click();
  await dialog().getByLabel('Secret or restricted key').fill('sk_test_ours');
  await dialog().getByLabel('Signing secret of the webhook endpoint').fill(webhookSecret);
  await dialog().getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByRole('table', { name: 'Subscriptions at Stripe' }).waitFor();
});

it('keeps nobody out', () => {
  expect(barriers).toEqual([]);
});
