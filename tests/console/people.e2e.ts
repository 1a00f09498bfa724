import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';

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
  page.setDefaultTimeout(10_000);
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
