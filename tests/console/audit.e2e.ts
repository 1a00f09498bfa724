import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Console, openConsole } from '../helpers/console.ts';

// The audit log: what happened, found by what it is about, page by page.

let its: Console;
beforeAll(async () => {
  its = await openConsole();
  const { app } = its;
  await app.ok('mutation { createFeature(input: { id: "calls", type: CONSUMABLE, name: "Calls" }) { id } }');
  await app.ok('mutation { updateFeature(id: "calls", input: { name: "API calls" }) { id } }');
  await app.ok('mutation { createPackage(input: { id: "pro", features: [{ id: "calls" }] }) { id } }');
  await app.ok('mutation { publishPackage(id: "pro") { id } }');
  await app.ok('mutation { createUser(input: { id: "ada", name: "Ada", email: "ada@example.com" }) { id } }');
  await app.ok('mutation { subscribe(userId: "ada", packageIds: ["pro"]) { id } }');
  for (let index = 0; index < 30; index += 1)
    await app.ok(`mutation { createFeature(input: { id: "more-${index}", type: BINARY }) { id } }`);
});
afterAll(() => its?.close());

const open = (path: string) => its.page.goto(`${its.app.url}/test${path}`);
const row = (text: string) => its.page.getByRole('row').filter({ hasText: text });

it('tells the newest change first, and pages', async () => {
  const { page, app } = its;
  await open('/configuration');
  await page.getByRole('link', { name: 'Audit log' }).click();
  await page.getByText('more-29').first().waitFor();
  expect(await page.getByRole('row').nth(1).innerText()).toContain('more-29');
  expect(await page.getByRole('row').nth(1).innerText()).toContain(`Private key …${app.keys.test.slice(-4)}`);
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByText('Publish package').waitFor();
  expect(await page.getByText('more-29').count()).toBe(0);
});

it('shows what a field was and is, from the page of what changed', async () => {
  const { page } = its;
  await open('/features/calls');
  await page.getByRole('link', { name: 'Change history' }).click();
  await row('Update feature').waitFor();
  expect(await row('Update feature').locator('del').innerText()).toBe('− Calls');
  expect(await row('Update feature').locator('ins').innerText()).toBe('+ API calls');
  expect(await page.getByRole('row').count()).toBe(3);
  await its.look('audit-log-feature');
});

it('tells of a user with the subscriptions, and keeps what is about the person to itself', async () => {
  const { page } = its;
  await open('/users/ada');
  await page.getByRole('link', { name: 'Change history' }).click();
  await row('Subscribe').waitFor();
  await row('Create user').getByText('Set. The log keeps no values about people.').first().waitFor();
  expect(await page.getByText('ada@example.com').count()).toBe(0);
  await its.look('audit-log-user');
});

it('shows the last 7 days by one click, in an address that can be shared', async () => {
  const { page } = its;
  await open('/configuration/audit-log?to=2020-01-01');
  await page.getByText('Nothing here').waitFor();
  await page.getByRole('button', { name: 'Last 7 days' }).click();
  await row('more-29').first().waitFor();
  const from = new URL(page.url()).searchParams;
  expect([...from.keys()]).toEqual(['from']);
  expect(Date.now() - Date.parse(from.get('from') ?? '')).toBeLessThan(8 * 86_400_000);
  expect(await page.getByRole('button', { name: 'Last 7 days', pressed: true }).count()).toBe(1);
});

it('opens what has many lines by a click', async () => {
  const { page } = its;
  await open('/configuration/audit-log?about=PACKAGE&id=pro');
  const lines = row('Create package').locator('summary').first();
  await lines.filter({ hasText: /^\+ \d+ lines$/ }).waitFor();
  expect(await page.getByText('"overageEnabled"').first().isVisible()).toBe(false);
  await lines.click();
  expect(await page.getByText('"overageEnabled"').first().isVisible()).toBe(true);
});

it('says so when there is nothing, and finds by type and id', async () => {
  const { page } = its;
  await open('/configuration/audit-log?about=PACKAGE&id=nothing');
  await page.getByText('Nothing here').waitFor();
  await page.getByRole('textbox', { name: 'Id' }).fill('pro');
  await page.locator('#content').getByRole('button', { name: 'Find' }).click();
  await row('Publish package').waitFor();
  expect(page.url()).toContain('about=PACKAGE&id=pro');
  await row('Publish package').locator('time').first().hover();
  await page.getByRole('tooltip').filter({ hasText: 'UTC' }).waitFor();
});

it('nothing went wrong in the browser, and axe found no barrier', () => {
  expect(its.barriers).toEqual([]);
  expect(its.faults).toEqual([]);
});
