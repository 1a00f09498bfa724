import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';

// Keys, environments, and a server that goes away: each test goes on where the one before it ended.

let app: TestApp;
let browser: Browser;
let page: Page;
const barriers: string[] = [];

const look = async (name: string) => {
  for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
};

beforeAll(async () => {
  // Below a path, as behind a proxy; the other tests of the console are at the root.
  app = await startTestApp({ withConsole: true, basePath: '/kana' });
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(15_000);
  await signIn(page, app.url, app.keys.test);
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
});

const environment = () => page.getByRole('radiogroup', { name: 'Environment' });

it('is signed in to both environments at once, one click apart', async () => {
  await environment().getByText('Live').click();
  await page.getByLabel('Private key').fill(app.keys.live);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('link', { name: 'Features', exact: true }).click();
  await page.waitForURL(`${app.url}/live/features`);
  await look('live');
  await environment().getByText('Test').click();
  await page.waitForURL(`${app.url}/test/features`);
});

it('says that a key is of the other environment, and signs in there only when asked to', async () => {
  await page.getByRole('button', { name: /^Sign out of live/ }).waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: /^Sign out of test/ }).click();
  await page.getByLabel('Private key').fill(app.keys.live);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('This is a private key of live, and you are signing in to test.').waitFor();
  await look('sign-in-other');
  await page.getByRole('button', { name: 'Sign in to live' }).click();
  await page.waitForURL(`${app.url}/live`);
  await page.goto(`${app.url}/test/features`);
  await page.getByLabel('Private key').fill(app.keys.test);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('No features yet').waitFor();
});

it('leads to GraphiQL', async () => {
  const opened = page.waitForEvent('popup');
  await page.getByRole('link', { name: 'GraphiQL' }).click();
  const graphiql = await opened;
  await graphiql.waitForURL(`${app.url}/graphql`);
  // Whoever is signed in to the console needs no key there.
  await graphiql.locator('.graphiql-execute-button').click();
  await graphiql.locator('.graphiql-response').getByText('packages').first().waitFor();
  await graphiql.close();
});

it('makes a key and shows it once', async () => {
  await page.getByRole('link', { name: 'Configuration', exact: true }).click();
  await page.getByRole('button', { name: 'New key', exact: true }).click();
  await page.getByLabel('Name').fill('Reporting');
  await page.getByLabel('Everything: also what the others allow').uncheck();
  await page.getByLabel('Read everything').check();
  await look('new-key');
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByText('It is shown only once.').waitFor();
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  const key = await page.getByText(/^prv_test_[A-Za-z0-9]{32}$/).innerText();
  expect(await app.ok('{ features { id } }', {}, key)).toEqual({ features: [] });
  const { apiKeys } = await app.ok('{ apiKeys { name scopes } }');
  expect(apiKeys).toContainEqual({ name: 'Reporting', scopes: ['read'] });
  await look('configuration');
  await page.reload();
  await page.getByText(`prv_test_…${key.slice(-4)}`, { exact: true }).waitFor();
  expect(await page.getByText(key).count()).toBe(0);
});

it('goes on when a server that went away comes back', async () => {
  await page.goto(`${app.url}/test/features`);
  await page.getByText('No features yet').waitFor();
  await page.route(/graphql|session/, (route) => route.abort());
  await page.getByText('The server does not respond').waitFor();
  await look('away');
  await app.ok('mutation { createFeature(input: { id: "late", type: BINARY }) { id } }');
  await page.unroute(/graphql|session/);
  await page.getByRole('link', { name: 'late' }).waitFor();
  await page.getByText('The server does not respond').waitFor({ state: 'hidden' });
});

it('signs everyone out whose key is revoked', async () => {
  await page.goto(`${app.url}/test/configuration`);
  const short = `prv_test_…${app.keys.test.slice(-4)}`;
  await page.getByRole('button', { name: `Revoke: ${short}` }).click();
  await page.getByText('you will be signed out').waitFor();
  await page.getByRole('button', { name: 'Revoke permanently' }).click();
  await page.getByLabel('Private key').waitFor();
  await page.getByRole('link', { name: 'Back to live' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
});

it('signs out', async () => {
  await page.getByRole('button', { name: /^Sign out of live/ }).click();
  await page.getByLabel('Private key').waitFor();
  const names = (await page.context().cookies()).map(({ name }) => name);
  expect(names).not.toContain('kana_console_live');
});

it('no page has a barrier that axe knows', () => expect(barriers).toEqual([]));
