import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { type Console, openConsole } from '../helpers/console.ts';

// A person is invited, looks around, is given more, and is removed: each test goes on where the one before it ended.

let ours: Console;
/** The page of who is signed in with the key, and the page of the person. */
let admin: Page;
let theirs: Page;

beforeAll(async () => {
  ours = await openConsole();
  admin = ours.page;
  await ours.app.ok(
    'mutation { createFeature(input: { id: "SEATS", name: "Seats", type: CONSUMABLE }) { id } }',
  );
  const browser = admin.context().browser();
  theirs = (await (await browser?.newContext({ viewport: { width: 390, height: 800 } }))?.newPage()) ?? admin;
  theirs.setDefaultTimeout(60_000);
});
afterAll(() => ours?.close());

const dialog = (page: Page) => page.getByRole('dialog');

it('invites a person, who gets a link', async () => {
  await admin.goto(`${ours.app.url}/test/configuration/members`);
  await admin.getByText('Nobody yet').waitFor();
  await admin.getByRole('button', { name: 'Invite a person' }).click();
  await dialog(admin).getByLabel('Email').fill('Ana@example.com');
  await ours.look('invite');
  await dialog(admin).getByRole('button', { name: 'Create invitation' }).click();
  await admin.getByText('Send this link to Ana@example.com').waitFor();
  await admin.getByRole('table', { name: 'Open invitations' }).getByText('ana@example.com').waitFor();
  await ours.look('members');
  const link = (await admin.locator('code').filter({ hasText: '/invitation#inv_' }).textContent()) ?? '';
  await theirs.goto(link);
  await theirs.getByLabel('Your name').fill('Ana Silva');
  await theirs.getByLabel(/^Password/).fill('short');
  await theirs.getByRole('button', { name: 'Accept' }).click();
  await theirs.getByText('must be at least 12 characters').waitFor();
  await theirs.getByLabel(/^Password/).fill('correct horse battery');
  await theirs.getByRole('button', { name: 'Accept' }).click();
  await theirs.waitForURL(`${ours.app.url}/test`);
});

it('a viewer sees what there is, one environment, and why nothing can be changed', async () => {
  await theirs.goto(`${ours.app.url}/test/features`);
  await theirs.getByText('Seats').first().waitFor();
  const create = theirs
    .getByRole('button', { name: 'New feature' })
    .or(theirs.getByRole('button', { name: 'Create feature' }));
  expect(await create.first().isDisabled()).toBe(true);
  expect(await create.first().getAttribute('title')).toBe('This needs the role EDITOR; yours is VIEWER.');
  expect(await theirs.getByRole('radiogroup', { name: 'Environment' }).getByText('Live').count()).toBe(0);
  await theirs.goto(`${ours.app.url}/test/configuration`);
  await theirs.getByText('API keys').first().waitFor();
  expect(await theirs.getByRole('link', { name: 'Members' }).count()).toBe(0);
  expect(await theirs.getByRole('button', { name: 'New key' }).isDisabled()).toBe(true);
});

it('an editor may, and the audit log names the person', async () => {
  await admin.getByRole('button', { name: 'Role: Ana Silva' }).click();
  await dialog(admin).getByLabel(/^Role/).first().click();
  await admin.getByRole('option', { name: 'EDITOR' }).click();
  await dialog(admin).getByRole('button', { name: 'Change role' }).click();
  await admin.getByRole('table', { name: 'Members' }).getByText('EDITOR').waitFor();
  await admin.goto(`${ours.app.url}/test/configuration/audit-log`);
  await admin.getByRole('link', { name: 'Ana Silva (ana@example.com)' }).first().click();
  await admin.getByRole('button', { name: 'Only by Ana Silva (ana@example.com) ×' }).waitFor();
  await admin.getByText('Accept invitation').waitFor();
  expect(await admin.getByText('Create feature').count()).toBe(0);
  await admin.getByLabel('To', { exact: true }).fill('2020-01-01');
  await admin.getByText('Nothing here').waitFor();
  await ours.look('audit-filter');
});

it('a member is found in the command menu', async () => {
  await admin.keyboard.press('Control+k');
  await admin.getByRole('combobox', { name: 'Find or do something' }).fill('silva');
  await admin.getByRole('option', { name: /Ana Silva/, selected: true }).waitFor();
  await admin.keyboard.press('Enter');
  await admin.waitForURL('**/test/configuration/members');
  await admin.getByRole('table', { name: 'Members' }).getByText('Ana Silva').waitFor();
});

it('with a key there is no account, and the page says how to get one', async () => {
  await admin.goto(`${ours.app.url}/test/account`);
  await admin.getByText('You are signed in with a private key').waitFor();
  await ours.look('account-key');
  await admin.locator('#content').getByRole('link', { name: 'Members' }).click();
  await admin.getByRole('table', { name: 'Members' }).waitFor();
});

it('a person has an own account, and signs in with the password', async () => {
  await theirs.goto(`${ours.app.url}/test/account`);
  await theirs.getByLabel('Your name').fill('Ana Souza');
  await theirs.getByRole('button', { name: 'Save name' }).click();
  await theirs.getByRole('link', { name: 'Your account (Ana Souza)' }).waitFor();
  await theirs.getByRole('button', { name: 'Sign out everywhere' }).click();
  await theirs.getByLabel('Email').fill('ana@example.com');
  await theirs.getByLabel(/^Password/).fill('correct horse battery');
  await theirs.getByRole('button', { name: 'Sign in' }).click();
  await theirs.getByRole('heading', { name: 'Your account' }).waitFor();
});

it('is removed, and signed out', async () => {
  await admin.goto(`${ours.app.url}/test/configuration/members`);
  await admin.getByRole('button', { name: 'Remove: Ana Souza' }).click();
  await dialog(admin).getByRole('button', { name: 'Remove member' }).click();
  await admin.getByText('Nobody yet').waitFor();
  await theirs.getByRole('button', { name: 'Sign in' }).waitFor();
});

it('has no barriers, and no faults', () => {
  expect([ours.barriers, ours.faults]).toEqual([[], []]);
});
