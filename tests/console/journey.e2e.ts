import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';

// The journey of a new customer: each test goes on where the one before it ended.

let app: TestApp;
let browser: Browser;
let page: Page;
const faults: string[] = [];
const barriers: string[] = [];
/** Bytes of each thing that was loaded, as they came over the wire. */
const loaded = new Map<string, number>();

beforeAll(async () => {
  app = await startTestApp({ withConsole: true });
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(10_000);
  page.on('response', (response) => {
    loaded.set(response.url(), Number(response.headers()['content-length'] ?? 0));
  });
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/401/.test(message.text())) faults.push(message.text());
  });
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
});

/** Takes pictures; what axe finds is told at the end, all of it. */
const look = async (name: string) => {
  for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
};
const go = (name: string) =>
  page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true }).click();
const heading = (name: string) => page.getByRole('heading', { name, exact: true });
const dialog = () => page.getByRole('dialog');

it('asks for a key, and says when it is wrong', async () => {
  await page.goto(app.url);
  await page.getByLabel('Private key').fill(`prv_test_${'x'.repeat(32)}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('No such key: it has been revoked').waitFor();
  await look('sign-in');
  await page.getByLabel('Private key').fill(`pub_test_${'x'.repeat(32)}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This is a public key of test.').waitFor();
  await signIn(page, app.url, app.keys.test);
});

it('tells what to do first', async () => {
  await page.getByText('Get started').waitFor();
  const bytes = [...loaded.values()].reduce((sum, each) => sum + each, 0);
  expect(bytes / 1024).toBeGreaterThan(100);
  expect(bytes / 1024).toBeLessThan(240);
  await look('overview-empty');
});

it('makes a feature', async () => {
  await go('Features');
  await page.getByText('No features yet').waitFor();
  await look('features-empty');
  await page.getByRole('button', { name: 'New feature' }).first().click();
  await dialog().getByLabel('Name').fill('API calls');
  await dialog().getByLabel('Unit (plural)').fill('calls');
  await look('features-new');
  await dialog().getByRole('button', { name: 'Create feature' }).click();
  await heading('API calls').waitFor();
  await page.waitForURL(`${app.url}/test/features/api-calls`);
  await page.getByRole('link', { name: 'Create package' }).click();
  await page
    .getByRole('group', { name: 'API calls' })
    .getByRole('textbox', { name: 'Limit', exact: true })
    .waitFor();
});

it('makes a package of it, and publishes it', async () => {
  await go('Packages');
  await page.getByText('No packages yet').waitFor();
  await page.getByRole('link', { name: 'New package' }).first().click();
  await page.getByLabel('Name').fill('Pro');
  await page.getByRole('combobox', { name: 'Add a feature' }).click();
  await page.getByRole('option', { name: 'API calls (api-calls)' }).click();
  await page.getByRole('textbox', { name: 'Limit', exact: true }).fill('200');
  await look('package-new');
  await page.getByRole('button', { name: 'Save as draft' }).click();
  await heading('Pro').waitFor();
  await page.getByRole('button', { name: 'Publish' }).click();
  await dialog().getByText('API calls: 200 a month').waitFor();
  await look('package-publish');
  await dialog().getByRole('button', { name: 'Publish' }).click();
  await page.getByText('Published', { exact: true }).waitFor();
  await page.getByText('nobody has subscribed to it yet. Next, subscribe a user').waitFor();
  await look('package-published');
  expect(await app.ok('{ packages { id status features { id limit resetPeriod } } }')).toEqual({
    packages: [
      { id: 'pro', status: 'PUBLISHED', features: [{ id: 'api-calls', limit: 200, resetPeriod: 'MONTH' }] },
    ],
  });
});

it('makes a user, and finds out why the user is blocked', async () => {
  await go('Users');
  await page.getByRole('button', { name: 'New user' }).first().click();
  await dialog().getByRole('textbox', { name: 'Id', exact: true }).fill('ada');
  await dialog().getByLabel('Name').fill('Ada Lovelace');
  await dialog().getByLabel('Email').fill('ada@example.com');
  await dialog().getByRole('button', { name: 'Create user' }).click();
  await heading('Ada Lovelace').waitFor();
  // The page is whole: nothing moves any more under the pointer.
  await page.getByText('None. A grant is').waitFor();
  await page.getByText('Nothing has been recorded yet.').waitFor();
  await page.getByRole('combobox', { name: 'Feature' }).click();
  await page.getByRole('option', { name: 'API calls' }).click();
  await page.getByRole('button', { name: 'Check' }).click();
  await page.getByText('The user has no active subscription to a package with this feature.').waitFor();
  await look('user-new');
});

it('shows usage that no subscription grants as just that', async () => {
  await page.getByRole('button', { name: 'Record usage' }).click();
  await dialog().getByRole('combobox', { name: 'Feature' }).click();
  await page.getByRole('option', { name: 'API calls' }).click();
  await dialog().getByLabel('Amount').fill('7');
  await dialog().getByRole('button', { name: 'Record' }).click();
  const card = page.getByRole('region', { name: 'Usage without an entitlement' });
  await card.getByText('7 calls in the last 12 months').waitFor();
  await card.getByText('Not in any active subscription').waitFor();
  await look('user-ungranted');
});

it('subscribes the user, records usage, and sees the bar move', async () => {
  await page.getByRole('button', { name: 'Subscribe' }).click();
  await dialog().getByRole('combobox', { name: 'Package' }).click();
  await page.getByRole('option', { name: 'Pro' }).click();
  await dialog().getByRole('button', { name: 'Subscribe' }).click();
  const bar = page.getByRole('progressbar', { name: 'API calls' });
  await page.getByText('0 of 200 calls (0%)').waitFor();
  await page.getByText('Usage without an entitlement').waitFor({ state: 'hidden' });

  await page.getByRole('button', { name: 'Record usage' }).click();
  await dialog().getByRole('combobox', { name: 'Feature' }).click();
  await page.getByRole('option', { name: 'API calls' }).click();
  await dialog().getByLabel('Amount').fill('150');
  await dialog().getByRole('button', { name: 'Record' }).click();
  await page.getByText('150 of 200 calls (75%)').waitFor();
  expect(await bar.getAttribute('aria-valuetext')).toBe('150 of 200 calls (75%)');
  await page.getByRole('button', { name: 'History' }).click();
  await page.getByText('This period began').waitFor();
  await look('user');
});

it('tells who is blocked when the allowance resets, if that gives access', async () => {
  const check = page.getByRole('region', { name: 'Check access' });
  await check.getByLabel('Amount').fill('51');
  await check.getByRole('button', { name: 'Check' }).click();
  await check.getByText('The allowance resets on').waitFor();
  await check.getByText('It counts: of what is live').waitFor();
  await check.getByRole('table', { name: 'Last changes' }).getByText('subscribe').first().waitFor();
  await check.getByLabel('Amount').fill('201');
  await check.getByRole('button', { name: 'Check' }).click();
  await check.getByText('more than the 200 that are granted').waitFor();
  expect(await check.getByText('The allowance resets on').count()).toBe(0);
});

it('shows lists and parts', async () => {
  await go('Overview');
  await page.getByRole('heading', { name: 'Published packages' }).waitFor();
  await look('overview');
  await go('Features');
  await page.getByRole('link', { name: 'API calls' }).waitFor();
  await look('features');
  await page.getByRole('link', { name: 'API calls' }).click();
  await page.getByRole('region', { name: 'Packages' }).getByRole('link', { name: 'Pro' }).waitFor();
  await look('feature');
  await go('Packages');
  await page.getByRole('heading', { name: 'Packages', level: 1 }).waitFor();
  await page.getByRole('link', { name: 'Pro' }).waitFor();
  await look('packages');
  await page.getByRole('link', { name: 'Pro' }).click();
  await page.getByRole('link', { name: 'ada' }).waitFor();
  await look('package');
  await go('Users');
  await page.getByLabel('Find a user').fill('love');
  await page.getByRole('link', { name: 'Ada Lovelace' }).waitFor();
  await look('users');
});

it('can be used at the width of a phone', async () => {
  await page.setViewportSize({ width: 390, height: 800 });
  await page.goto(`${app.url}/test/users/ada`);
  await heading('Ada Lovelace').waitFor();
  await page.getByText('150 of 200 calls (75%)').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).waitFor();
  expect(await page.getByText('scroll sideways').count()).toBe(0);
  await look('user-phone');
  const check = page.getByRole('region', { name: 'Check access' });
  await check.getByRole('combobox', { name: 'Feature' }).click();
  await page.getByRole('option', { name: 'API calls' }).click();
  await check.getByRole('button', { name: 'Check' }).click();
  await check.getByText('More columns: scroll sideways →').first().waitFor();
  await page.evaluate(
    `document.querySelector('[aria-label="Last usage that counts"]').closest('[tabindex]').scrollLeft = 10_000`,
  );
  await check.getByText('← More columns: scroll sideways').waitFor();
  const width = await page.evaluate('document.documentElement.scrollWidth');
  expect(width).toBeLessThanOrEqual(390);
  await page.getByRole('button', { name: 'Open the menu' }).click();
  await go('Packages');
  await heading('Packages').waitFor();
  await page.setViewportSize({ width: 1280, height: 800 });
});

it('no page has a barrier that axe knows', () => expect(barriers).toEqual([]));
it('nothing went wrong in the browser on the way', () => expect(faults).toEqual([]));
