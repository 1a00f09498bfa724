import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { trackEvent } from '../helpers/segment.ts';

// Usage that is recorded shows in the charts, and in the tables beside them.

let app: TestApp;
let browser: Browser;
let page: Page;
const faults: string[] = [];
const barriers: string[] = [];
const hour = 3_600_000;
const day = 24 * hour;

const look = async (name: string) => {
  for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
};

beforeAll(async () => {
  app = await startTestApp({ withConsole: true });
  const { prisma } = app.database;
  const named = { 'api-calls': 'API calls', storage: 'Storage', seats: 'Seats' };
  for (const [id, name] of Object.entries(named)) {
    await createFeature(prisma, { id });
    await prisma.feature.updateMany({ where: { id }, data: { name, unitLabelPlural: name.toLowerCase() } });
  }
  await createFeature(prisma, { id: 'exports' });
  await createPackage(prisma, {
    id: 'Pro',
    features: [{ id: 'api-calls', limit: 20_000, resetPeriod: 'MONTH' }, 'storage', 'seats'],
  });
  await prisma.packageFeature.updateMany({ where: { featureId: 'api-calls' }, data: { alertAt: [80] } });
  await app.ok(
    'mutation { createWebhook(input: { url: "http://127.0.0.1:9/", events: ["usage.*"] }) { secret } }',
  );
  const startedAt = new Date(Date.now() - 80 * day);
  for (const id of ['ada', 'grace']) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId: 'Pro', startedAt });
  }
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => faults.push(error.message));
  await signIn(page, app.url, app.keys.test);
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
});

const region = (name: string) => page.getByRole('region', { name, exact: true });
const bars = (name: string) => region(name).locator('.recharts-bar-rectangles path:visible');
const record = (input: object[]) =>
  app.ok('mutation ($input: [CreateUsageEventInput!]!) { recordUsages(input: $input) { recorded } }', {
    input,
  });
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();

it('says when nothing was used', async () => {
  await region('Usage').getByText('Nothing was used in the last 30 days.').waitFor();
  // Nobody is near a limit: no card says so.
  expect(await region('Near or over a limit').count()).toBe(0);
  await look('overview-unused');
  await page.goto(`${app.url}/test/features/exports`);
  await region('Usage by all users').getByText('Nothing was used in the last 30 days.').waitFor();
});

it('shows what was used by feature', async () => {
  const usages = Array.from({ length: 60 }, (_, days) => [
    { userId: 'ada', featureId: 'api-calls', delta: 200 + ((days * 37) % 90), timestamp: ago(days * day) },
    { userId: 'grace', featureId: 'api-calls', delta: (days * 53) % 70, timestamp: ago(days * day) },
    { userId: 'ada', featureId: 'storage', delta: (days * 7) % 13, timestamp: ago(days * day) },
  ]);
  await record(usages.flat());
  await record([
    { userId: 'ada', featureId: 'seats', action: 'SET', delta: 5, timestamp: ago(9 * day) },
    { userId: 'ada', featureId: 'seats', action: 'SET', delta: 3, timestamp: ago(4 * day) },
  ]);
  await app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
    event: trackEvent({ userId: 'ada', event: 'Report Exported' }),
  });
  await app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
    event: trackEvent({ userId: 'ada', properties: { featureId: 'storage', delta: 2 } }),
  });
  await page.goto(`${app.url}/test`);
  await region('Usage').getByRole('heading', { name: 'API calls' }).waitFor();
  await bars('Usage').first().waitFor();
  expect(await region('Usage').getByRole('heading', { level: 3 }).allTextContents()).toEqual([
    'API calls',
    'Storage',
    'Seats',
  ]);
  await region('Segment').getByText('Unmatched').waitFor();
  await look('overview');
});

it('tells the same as a table as the API does', async () => {
  await page.goto(`${app.url}/test/features/api-calls`);
  await bars('Usage by all users').first().waitFor();
  await region('Usage by all users').getByRole('button', { name: 'As a table' }).click();
  const table = page.getByRole('table', { name: 'Usage over time' });
  await table.waitFor();
  const shown = (await table.getByRole('row').locator('td:last-child').allTextContents()).map(Number);
  const { usageSeries } = await app.ok('{ usageSeries(featureId: "api-calls") { used } }');
  expect(shown).toEqual(usageSeries.map(({ used }: { used: number }) => used));
  expect(shown.filter((used) => used > 0).length).toBeGreaterThan(25);
  await page.getByRole('table', { name: 'Users who used most' }).getByRole('link', { name: 'ada' }).waitFor();
  await page.getByRole('table', { name: 'Usage by package' }).waitFor();
  await region('Use of limits').getByText('half of it').waitFor();
  await look('feature-usage');
});

it('shows other times, and new usage by itself', async () => {
  const card = region('Usage by all users');
  await card.getByText('12 months', { exact: true }).click();
  await card.getByText('in the last 12 months. Months begin and end in UTC.').waitFor();
  await card.getByText('7 days', { exact: true }).click();
  await card.getByText('in the last 7 days. Days begin and end in UTC.').waitFor();
  await card.getByText('Own', { exact: true }).click();
  await card.getByLabel('First day').fill(ago(20 * day).slice(0, 10));
  await card.getByText('in this time. Days begin and end in UTC.').waitFor();
  await look('feature-usage-own');
  await card.getByText('24 hours', { exact: true }).click();
  await card.getByText('Hours are shown in your time zone.').waitFor();
  await record([{ userId: 'ada', featureId: 'api-calls', delta: 1_000_000 }]);
  await card.getByText(/^1,000,\d{3} api calls in the last 24 hours/).waitFor({ timeout: 15_000 });
  await look('feature-usage-hours');
});

it('tells on the overview who is over a limit, and leads to the user', async () => {
  await page.goto(`${app.url}/test`);
  await page.getByText('get no more until it resets').waitFor();
  await region('Needs attention').getByRole('link', { name: '1 unmatched event' }).waitFor();
  const unmatched = region('Segment').locator('dl > div').filter({ hasText: 'Unmatched events' });
  expect(await unmatched.locator('dd').innerText()).toBe('1');
  const row = region('Near or over a limit').getByRole('row', { name: 'ada' });
  await row.getByRole('cell', { name: /^1,\d{3},\d{3} of 20,000 api calls$/ }).waitFor();
  expect(await region('Near or over a limit').getByRole('row').count()).toBe(2);
  await bars('Usage').first().waitFor();
  await look('overview-near');
  await page.setViewportSize({ width: 390, height: 844 });
  await look('overview-near-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });
  await row.getByRole('link', { name: 'ada' }).click();
  await page.waitForURL(`${app.url}/test/users/ada`);
  const told = region('Thresholds reached').getByRole('row', { name: 'API calls' });
  await told.getByText('80% of the limit').waitFor();
  await look('user-told');
  await page.setViewportSize({ width: 390, height: 844 });
  await look('user-told-narrow');
  await page.setViewportSize({ width: 1280, height: 800 });
});

it('shows one user’s usage over time, beside the periods', async () => {
  await page.goto(`${app.url}/test/users/grace`);
  const calls = page.getByRole('region', { name: 'API calls' });
  await calls.getByRole('button', { name: 'History' }).click();
  await calls.getByRole('table', { name: 'Usage by period' }).waitFor();
  await look('user-periods');
  await calls.getByRole('tab', { name: 'Over time' }).click();
  await bars('API calls').first().waitFor();
  await look('user-usage');
});

it('can be read at the width of a phone', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(`${app.url}/test`);
  await bars('Usage').first().waitFor();
  const wide = await page.evaluate('document.documentElement.scrollWidth');
  expect(wide).toBeLessThanOrEqual(390);
  await look('overview-phone');
});

it('tells why when it cannot be loaded', async () => {
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.route('**/graphql', async (route) => {
    const asked = route.request().postData() ?? '';
    if (!asked.includes('UsageSeries')) return route.continue();
    const errors = [{ message: 'Something went wrong.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }];
    return route.fulfill({ json: { data: null, errors } });
  });
  await page.goto(`${app.url}/test/features/storage`);
  await region('Usage by all users').getByText('Could not load this').waitFor();
  await look('feature-usage-failed');
});

it('no page has a fault, or a barrier that axe knows', () => {
  expect(faults).toEqual([]);
  expect(barriers).toEqual([]);
});
