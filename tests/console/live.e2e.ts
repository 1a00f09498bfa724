import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { type Console, openConsole, until } from '../helpers/console.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';
import { trackEvent } from '../helpers/segment.ts';
import { settled } from '../helpers/settled.ts';

// What comes while a page is open is added to it: nothing is replaced, and nothing flickers.

let its: Console;
let page: Page;

beforeAll(async () => {
  its = await openConsole();
  page = its.page;
  const { prisma } = its.app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'Pro', features: [{ id: 'calls', limit: 100, resetPeriod: 'MONTH' }] });
  for (const id of ['ada', 'grace']) {
    await createUser(prisma, { id });
    await createSubscription(prisma, { userId: id, packageId: 'Pro' });
  }
  await record(10);
  await send('First');
});
afterAll(() => its?.close());

const open = (path: string) => page.goto(`${its.app.url}/test${path}`);
const record = (delta: number) =>
  its.app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId: 'ada', featureId: 'calls', delta },
  });
const send = (event: string) =>
  its.app.ok('mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome } }', {
    event: trackEvent({ userId: 'ada', event }),
  });

/** Marks an element of the page, and notes whether a skeleton comes from now on. */
const watch = (selector: string) => `(() => {
  document.querySelector(${JSON.stringify(selector)}).isTheSame = true;
  window.skeletons = 0;
  new MutationObserver(() => {
    window.skeletons += document.querySelectorAll('#content [aria-label=Loading], #content .mantine-Skeleton-root').length;
  }).observe(document.body, { childList: true, subtree: true });
})()`;
const kept = (selector: string) =>
  `({ isTheSame: document.querySelector(${JSON.stringify(selector)})?.isTheSame === true, skeletons: window.skeletons })`;

const updates: [
  name: string,
  path: string,
  selector: string,
  change: () => Promise<unknown>,
  text: string,
][] = [
  ['the overview', '', 'table[aria-label="Latest events"]', () => send('Two Exported'), 'Two Exported'],
  [
    'the event log',
    '/segment#events',
    'table[aria-label="Events"]',
    () => send('Three Exported'),
    'Three Exported',
  ],
  ['a user', '/users/ada', 'section[aria-label="Allowances"] section', () => record(7), '17 of 100'],
];

it.each(updates)(
  '%s keeps what it shows when something new comes',
  async (_name, path, selector, change, text) => {
    await open(path);
    await page.locator(selector).first().waitFor();
    await settled(page);
    await page.evaluate(watch(selector));
    await change();
    await page.getByText(text).first().waitFor();
    expect(await page.evaluate(kept(selector))).toEqual({ isTheSame: true, skeletons: 0 });
  },
);

it('the list of users keeps its rows when one of them is changed', async () => {
  await open('/users');
  await page.getByRole('checkbox', { name: 'Choose grace' }).check();
  await page.evaluate(watch('table[aria-label="Users"] tbody tr'));
  await page.getByRole('button', { name: 'Grant a feature' }).click();
  await page.getByRole('dialog').getByRole('combobox', { name: 'Feature' }).click();
  await page.getByRole('option', { name: 'calls' }).click();
  await page.getByRole('dialog').getByRole('textbox', { name: 'Limit' }).fill('500');
  await page.getByRole('dialog').getByRole('button', { name: 'Grant', exact: true }).click();
  await page.getByText('1 user was granted a feature.').waitFor();
  expect(await page.evaluate(kept('table[aria-label="Users"] tbody tr'))).toEqual({
    isTheSame: true,
    skeletons: 0,
  });
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('region', { name: 'Done' }).waitFor({ state: 'detached' });
  const { grants } = await its.app.ok('{ grants(userId: "grace") { revokedAt revokeReason } }');
  expect(grants).toEqual([{ revokedAt: expect.any(String), revokeReason: 'Undone' }]);
});

it('a switch shows at once what was chosen, and goes back when the server refuses', async () => {
  await open('/configuration');
  const choice = page.getByRole('switch', { name: 'Browsers need a user token' });
  await choice.waitFor();
  let answer: (isFine: boolean) => void = () => undefined;
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData()?.includes('RequireUserToken')) return route.continue();
    const isFine = await new Promise<boolean>((resolve) => {
      answer = resolve;
    });
    if (isFine) return route.continue();
    return route.fulfill({ json: { data: null, errors: [{ message: 'It is not to be.' }] } });
  });
  const click = async () => {
    await Promise.all([
      page.waitForRequest((request) => request.postData()?.includes('RequireUserToken') ?? false),
      choice.click(),
    ]);
    // The request leaves some milliseconds before what was chosen is drawn, and is not answered yet.
    await page.getByRole('switch', { name: 'Browsers need a user token', checked: true }).waitFor();
  };
  await click();
  answer(false);
  await page.getByText('It is not to be.').waitFor();
  expect(await choice.isChecked()).toBe(false);
  await click();
  answer(true);
  await until(page, 'document.querySelector("#content [role=switch]").disabled === false');
  expect(await choice.isChecked()).toBe(true);
  await page.unroute('**/graphql');
  expect(await its.app.ok('{ environment { requireUserToken } }')).toEqual({
    environment: { requireUserToken: true },
  });
});

it('deletes a feature that nothing uses, and says why it deletes no other', async () => {
  const { prisma } = its.app.database;
  await createFeature(prisma, { id: 'unused' });
  await open('/features/unused');
  const dialog = page.getByRole('dialog');
  const remove = async () => {
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.getByText('as long as no package, rule or usage has it').waitFor();
    await dialog.getByRole('button', { name: 'Delete the feature' }).click();
  };
  // Somebody made a rule of it while the dialog was open.
  await its.app.ok(
    'mutation { createMappingRule(input: { name: "Late", featureId: "unused", eventName: "Late" }) { id } }',
  );
  await remove();
  await dialog.getByRole('alert').getByText('rule').waitFor();
  await dialog.getByRole('button', { name: 'Keep it' }).click();
  const { mappingRules } = await its.app.ok('{ mappingRules { id } }');
  await its.app.ok('mutation ($id: String!) { deleteMappingRule(id: $id) { id } }', {
    id: mappingRules[0].id,
  });
  await dialog.waitFor({ state: 'detached' });
  await remove();
  await page.waitForURL(`${its.app.url}/test/features`);
  await page.getByRole('link', { name: 'calls' }).waitFor();
  expect(await page.getByRole('link', { name: 'unused' }).count()).toBe(0);
  expect(await its.app.ok('{ features { id } }')).toEqual({ features: [{ id: 'calls' }] });
  await open('/features/calls');
  await page.getByRole('button', { name: 'Edit' }).waitFor();
  expect(await page.getByRole('button', { name: 'Delete', exact: true }).count()).toBe(0);
});

it('nothing went wrong in the browser on the way', () => expect(its.faults).toEqual([]));
