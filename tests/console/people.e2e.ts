import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium, readDownload, signIn } from '../helpers/console.ts';

// Users come from a file, are flagged and merged: each test goes on where the one before it ended.

let app: TestApp;
let browser: Browser;
let page: Page;
const barriers: string[] = [];

const look = async (name: string) => {
  for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
};

beforeAll(async () => {
  app = await startTestApp({ withConsole: true });
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(60_000);
  await signIn(page, app.url, app.keys.test);
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
});

const csv = `id,email,name,billingId
ada,ada@example.com,Ada Lovelace,
ada-work,ada@example.com,,cus_1
grace,grace@navy.mil,"Hopper, Grace",cus_2
"${'x'.repeat(300)}",,,
`;

it('imports a file, and tells what became of each row', async () => {
  await page.getByRole('link', { name: 'Users', exact: true }).click();
  await page.getByRole('link', { name: 'Import and export' }).click();
  await page.getByLabel('A CSV file of users').setInputFiles({
    name: 'users.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(csv),
  });
  await page.getByText('3 created').waitFor();
  await page.getByText('1 failed').waitFor();
  await look('import');
});

it('exports what it imported', async () => {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save as CSV' }).click(),
  ]);
  expect(file.suggestedFilename()).toBe('users-test.csv');
  const text = await new Promise<string>((resolve) => {
    let all = '';
    file.createReadStream().then((stream) => {
      stream.on('data', (part) => {
        all += part;
      });
      stream.on('end', () => resolve(all));
    });
  });
  const { exportUsers } = await app.ok('{ exportUsers }');
  expect(text).toBe(exportUsers);
});

it('does to many chosen users what one cannot do by hand, and tells for whom it failed', async () => {
  await app.ok(`mutation {
    createFeature(input: { id: "calls", type: CONSUMABLE }) { id }
    createPackage(input: { id: "basic", features: [{ id: "calls", entitlement: { limit: 10, resetPeriod: MONTH } }] }) { id }
    publishPackage(id: "basic") { id }
    subscribe(userId: "grace", packageIds: ["basic"]) { id }
  }`);
  await page.goto(`${app.url}/test/users`);
  await page.getByText('3 users').waitFor();
  await page.getByRole('checkbox', { name: 'Choose all on this page' }).check();
  const chosen = page.getByRole('region', { name: 'Chosen users' });
  await chosen.getByText('3 users chosen').waitFor();
  await look('users-chosen');
  await chosen.getByRole('button', { name: 'Subscribe' }).click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Package' }).click();
  await page.getByRole('option', { name: 'basic' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Subscribe' }).click();
  await page.getByRole('dialog').getByText('Not done for 1 of 3 users').waitFor();
  await look('users-subscribed');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  // What it made is taken back, and nothing else: Grace keeps what she had.
  const done = page.getByRole('region', { name: 'Done' });
  await done.getByText('2 users were subscribed.').waitFor();
  await look('users-undo');
  await done.getByRole('button', { name: 'Undo' }).click();
  await done.waitFor({ state: 'detached' });
  const held =
    '{ subscriptions(userId: "ada-work") { status } grace: subscriptions(userId: "grace") { status } }';
  expect(await app.ok(held)).toEqual({
    subscriptions: [{ status: 'CANCELLED' }],
    grace: [{ status: 'ACTIVE' }],
  });
  await chosen.getByRole('button', { name: 'Subscribe' }).click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Package' }).click();
  await page.getByRole('option', { name: 'basic' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Subscribe' }).click();
  await page.getByRole('dialog').getByText('Not done for 1 of 3 users').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  await chosen.getByRole('button', { name: 'Grant a feature' }).click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Feature' }).click();
  await page.getByRole('option', { name: 'calls' }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: 'Limit' }).fill('20');
  await page.getByRole('dialog').getByRole('button', { name: 'Grant', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const { grants } = await app.ok('{ grants(userId: "ada-work") { limit } }');
  expect(grants).toEqual([{ limit: 20 }]);
  await done.getByText('3 users were granted a feature.').waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    chosen.getByRole('button', { name: 'Export' }).click(),
  ]);
  expect(await readDownload(file)).toBe((await app.ok('{ exportUsers }')).exportUsers);
  await chosen.getByRole('button', { name: 'Move' }).click();
  await page.getByRole('menuitem', { name: 'From basic: 3 users' }).click();
  await page.getByText('Only 3 chosen users.').waitFor();
});

it('lists users by what they hold and use, keeps the view in the address, and opens a row by click and keyboard', async () => {
  await app.ok(
    'mutation { recordUsage(input: { userId: "grace", featureId: "calls", delta: 25 }) { recorded } }',
  );
  await page.goto(`${app.url}/test/users?limit=reached`);
  await page.getByText('1 user', { exact: true }).waitFor();
  await page.getByText('25 of 20 calls').waitFor();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: app.url });
  await page.getByRole('button', { name: 'Copy a link to this view' }).click();
  await page.getByRole('button', { name: 'Link copied' }).waitFor();
  expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`${app.url}/test/users?limit=reached`);
  await page.getByRole('combobox', { name: 'Use', exact: true }).click();
  await page.getByRole('option', { name: 'Near or over a limit' }).click();
  await page.waitForURL('**/users?limit=near&order=use_desc');
  await page.getByRole('combobox', { name: 'Use', exact: true }).click();
  await page.getByRole('option', { name: 'Near or over a limit' }).click();
  await page.waitForURL('**/users');
  await page.getByRole('combobox', { name: 'Order' }).click();
  await page.getByRole('option', { name: 'Newest first' }).click();
  await page.waitForURL('**/users?order=created_desc');
  await page.getByText('3 users').waitFor();
  await page.getByRole('link', { name: 'Hopper, Grace' }).focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/users/ada-work');
  await page.goBack();
  await page
    .getByRole('row', { name: /Hopper, Grace/ })
    .getByText('25 of 20 calls')
    .click();
  await page.waitForURL('**/users/grace');
  await page.goto(`${app.url}/test/users?status=past_due`);
  await page.getByText('No user matches these filters').waitFor();
  await page.getByRole('button', { name: 'Show all users' }).click();
  await page.getByText('3 users').waitFor();
});

it('finds anything and does the common things from the command menu, by keyboard', async () => {
  const field = page.getByRole('combobox', { name: 'Find or do something' });
  const chosen = page.getByRole('option', { selected: true });
  await page.keyboard.press('Control+k');
  await field.waitFor();
  await look('command-menu');
  await field.fill('cus_2');
  await chosen.filter({ hasText: 'Hopper, Grace' }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/users/grace');
  await page.keyboard.press('Control+k');
  await field.fill('calls');
  await chosen.filter({ hasText: 'calls' }).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL('**/features/calls');
  await page.keyboard.press('Control+k');
  await field.fill('subscribe ada-work');
  await page.getByRole('option', { name: 'Subscribe ada-work' }).click();
  await page
    .getByRole('dialog', { name: 'Subscribe 1 user' })
    .getByRole('button', { name: 'Cancel' })
    .click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await field.fill('new feature');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'New feature' }).waitFor();
  await page.waitForURL('**/features');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await field.fill('switch');
  await page.getByRole('option', { name: 'Switch to live' }).waitFor();
  await page.getByRole('option', { name: /^Switch to (light|dark) colours$/ }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

it('flags users with the same email, and tells before what a merge does', async () => {
  await page.goto(`${app.url}/test/flagged-users`);
  const box = page.getByRole('region', { name: 'Users with the same email' });
  await box.getByRole('checkbox', { name: 'Choose ada-work' }).check();
  await box.getByRole('checkbox', { name: 'Choose ada', exact: true }).check();
  await look('flagged');
  await box.getByRole('button', { name: 'Merge 2 users' }).click();
  await page.getByRole('dialog').getByText('Billing id: cus_1').waitFor();
  await look('merge');
  await page.getByRole('button', { name: 'Merge permanently' }).click();
  await box.getByText('No two users share an email.').waitFor();
  expect(await app.ok('{ users { id name billingId } }')).toEqual({
    users: [
      { id: 'ada', name: 'Ada Lovelace', billingId: 'cus_1' },
      { id: 'grace', name: 'Hopper, Grace', billingId: 'cus_2' },
    ],
  });
});

it('follows the id of a user who was merged', async () => {
  await page.goto(`${app.url}/test/users/ada-work`);
  await page.getByRole('heading', { name: 'Ada Lovelace' }).waitFor();
  await page.waitForURL(`${app.url}/test/users/ada`);
});

it('deletes a user only when the id is typed', async () => {
  await page.getByRole('button', { name: 'Delete' }).click();
  const button = page.getByRole('button', { name: 'Delete permanently' });
  expect(await button.isDisabled()).toBe(true);
  await page.getByRole('dialog').getByRole('textbox', { name: 'Type ada to confirm' }).fill('ada');
  await button.click();
  await page.getByRole('heading', { name: 'Users' }).waitFor();
  expect(await app.ok('{ users { id } }')).toEqual({ users: [{ id: 'grace' }] });
});

it('no page has a barrier that axe knows', () => expect(barriers).toEqual([]));
