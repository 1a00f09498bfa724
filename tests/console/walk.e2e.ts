import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { type Queue, startQueue } from '../../src/jobs/queue.ts';
import { segmentJobs } from '../../src/segment/jobs.ts';
import { type Console, openConsole, takePicture, until, wantsPictures } from '../helpers/console.ts';
import { settled } from '../helpers/settled.ts';
import { showcase } from '../helpers/showcase.ts';
import { followLinks } from './pace.ts';

// Every page of an environment that is in use: as docs/pictures shows it, on a phone, and by keyboard alone.

let its: Console;
let queue: Queue;
beforeAll(async () => {
  its = await openConsole();
  const { prisma, hot } = its.app.database;
  const log = pino({ level: 'silent' });
  queue = await startQueue(hot.options.connectionString ?? '', segmentJobs(prisma), { atStart: [], log });
  await showcase(its.app);
  await giveMore();
}, 300_000);
afterAll(async () => {
  await queue?.stop();
  await its?.close();
});

/** What an environment has beyond the pictures of docs: a webhook with deliveries, members, top-ups and reservations. */
async function giveMore() {
  const { app } = its;
  const { createWebhook } = await app.ok(
    'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } } }',
    {
      input: {
        url: 'https://billing.example.com/hooks/kana',
        events: ['subscription.*', 'usage.limit_reached'],
      },
    },
  );
  const test = 'mutation ($id: String!) { testWebhook(id: $id) { id } }';
  for (let n = 0; n < 3; n += 1) await app.ok(test, { id: createWebhook.webhook.id });
  for (const [email, role] of [
    ['ana.silva@example.com', 'VIEWER'],
    ['jonathan.van.der.berg@example.com', 'EDITOR'],
  ] as const) {
    const { inviteMember } = await app.ok(
      'mutation ($email: String!, $role: MemberRole!) { inviteMember(email: $email, role: $role) { link } }',
      { email, role },
    );
    if (role === 'VIEWER') invitation = inviteMember.link;
  }
  await app.ok('mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
    input: { userId: 'radia-perlman', featureId: 'api-calls', amount: 2_500, reason: 'Sorry for the outage' },
  });
}

/** The link with which a person becomes a viewer. */
let invitation = '';

const open = (path: string) => its.page.goto(`${its.app.url}/test${path}`);

/** Each page, and a text that is there once it has loaded. */
const pages: [name: string, path: string, text: string][] = [
  ['overview', '', 'Published packages'],
  ['features', '/features', 'PDF exports'],
  ['feature', '/features/api-calls', 'Packages'],
  ['packages', '/packages', 'Enterprise'],
  ['package', '/packages/pro', '10,000 a month'],
  ['package-edit', '/packages/enterprise/edit', 'Set to unlimited'],
  ['users', '/users', 'Grace Hopper'],
  ['user', '/users/ada-lovelace', '10,000 of 10,000 calls (100%)'],
  ['flagged-users', '/flagged-users', 'ada-work'],
  ['import-users', '/import-users', 'Save as CSV'],
  ['segment', '/segment#rules', 'Exports of documents'],
  ['segment-unmatched', '/segment#unmatched', 'Unmatched events'],
  ['configuration', '/configuration', 'prv_test_…'],
  ['audit-log', '/configuration/audit-log', 'ada-work'],
  ['catalogue', '/configuration/catalogue', 'id: enterprise'],
];

/** Pages that docs does not show. */
const others: typeof pages = [
  ['segment-events', '/segment#events', 'Document Exported'],
  ['segment-connect', '/segment#connect', 'Segment'],
  ['webhooks', '/configuration/webhooks', 'billing.example.com'],
  ['members', '/configuration/members', 'Open invitations'],
  ['stripe', '/configuration/stripe', 'Stripe is not connected'],
  ['account', '/account', 'Account'],
  ['given', '/users/radia-perlman', 'A trial of the new import'],
  ['topped-up', '/users/radia-perlman', 'A trial of the new import'],
];

/** What is opened on a page before it is looked at. */
const opened: Record<string, () => Promise<void>> = {
  user: async () => {
    await its.page.getByRole('button', { name: 'History' }).first().click();
    await its.page.getByText('This period began').waitFor();
  },
  webhooks: async () => {
    await its.page.getByRole('button', { name: /^Deliveries: / }).click();
    await its.page.getByRole('table', { name: 'Deliveries' }).waitFor();
  },
  'topped-up': async () => {
    await its.page.getByRole('tab', { name: 'Top-ups' }).click();
    await its.page.getByRole('table', { name: 'Top-ups' }).waitFor();
  },
};

it('each link leads to its content', () => followLinks(its), 600_000);

describe.each([...pages, ...others])('%s', (name, path, text) => {
  it('has no barrier that axe knows', async () => {
    const { page } = its;
    await page.setViewportSize({ width: 1280, height: 800 });
    await open(path);
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    await opened[name]?.();
    await its.look(`page-${name}`);
    if (wantsPictures && pages.some(([each]) => each === name)) await takePictures(name);
    expect(its.barriers.splice(0)).toEqual([]);
    expect(its.faults.splice(0)).toEqual([]);
  });

  it('fits a phone', async () => {
    const { page } = its;
    await page.setViewportSize({ width: 375, height: 740 });
    // An address that differs only in its fragment would keep the page, which still moves to its new width.
    await page.goto('about:blank');
    await open(path);
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    if (name !== 'user') await opened[name]?.();
    await settled(page);
    expect(await page.evaluate(widerThanTheScreen)).toEqual([]);
    expect(await page.evaluate(cellsBesideTheirHead)).toEqual([]);
    expect(await page.evaluate(tablesThatScroll)).toEqual([]);
    for (const colorScheme of wantsPictures ? (['light', 'dark'] as const) : []) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(250);
      await takePicture(page, `phone-${name}-${colorScheme}`, { fullPage: true });
    }
  });
});

/** Beyond this a picture is no help to anybody, in pixels. */
const maxHeight = 1150;

/** The pictures of a page for docs/pictures, in both themes: from its top, and not too long. */
async function takePictures(name: string) {
  const { page } = its;
  const height = Number(await page.evaluate('document.documentElement.scrollHeight'));
  const clip = { x: 0, y: 0, width: 1280, height: Math.min(height, maxHeight) };
  // The navigation is as high as the window.
  await page.setViewportSize(clip);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(250);
    await takePicture(page, `docs-${name}-${colorScheme}`, { clip });
  }
}

/** What reaches beyond the right edge, unless something around it scrolls by itself. */
const widerThanTheScreen = `(() => {
  const scrolls = (each) => {
    for (let at = each.parentElement; at !== null && at !== document.body; at = at.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return true;
    return false;
  };
  const wide = [...document.querySelectorAll('#root *')]
    .filter((each) => each.getBoundingClientRect().width > 1)
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1 && !scrolls(each))
    .map((each) => each.tagName + ' ' + each.textContent.slice(0, 40));
  return document.documentElement.scrollWidth > innerWidth ? [...wide, 'the page'] : wide;
})()`;

/** The cells that are not below the head of their column: it is left out, or another one. */
const cellsBesideTheirHead = `(() => {
  const of = (row) => [...row.children].filter((each) => each.matches('td, th'));
  const left = (cell) => (cell.offsetParent === null ? null : Math.round(cell.getBoundingClientRect().left));
  return [...document.querySelectorAll('table')].flatMap((table) => {
    const heads = of(table.rows[0]);
    return [...table.rows].flatMap((row) => (of(row).length === heads.length ? of(row) : []))
      .filter((cell) => left(cell) !== left(heads[of(cell.parentElement).indexOf(cell)]))
      .map((cell) => table.getAttribute('aria-label') + ': ' + cell.textContent.slice(0, 40));
  });
})()`;

/** The tables that are wider than the screen, and so scroll sideways. */
const tablesThatScroll = `[...document.querySelectorAll('table')]
  .filter((table) => table.offsetParent !== null && table.scrollWidth > table.closest('[tabindex]').clientWidth + 1)
  .map((table) => table.getAttribute('aria-label') + ': ' + table.scrollWidth)`;

/** What the keyboard is at: its role or element, its name, and whether a person sees that it is there. */
const focused = `(() => {
  const at = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(at);
  return {
    name: (at.getAttribute('aria-label') ?? at.textContent ?? '').trim() || at.id,
    inDialog: at.closest('[role=dialog]') !== null,
    isSeen: (outlineStyle !== 'none' && outlineWidth !== '0px') || at.matches('input'),
  };
})()`;

it('a viewer finds no page broken, on a wide screen or on a phone', async () => {
  const context = await its.page.context().browser()?.newContext();
  const page = await context?.newPage();
  if (page === undefined) throw new Error('There is no browser.');
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(invitation);
  await page.getByLabel('Your name').fill('Ana Silva');
  await page.getByLabel(/^Password/).fill('correct horse battery');
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.waitForURL(`${its.app.url}/test`);
  const theirs = [...pages, ...others].filter(([name]) => !['members', 'stripe', 'topped-up'].includes(name));
  for (const [name, path, text] of theirs) {
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.goto(`${its.app.url}/test${path}`);
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    await settled(page);
    // It says that this machine has no public address, to everybody.
    const alerts = page.getByRole('alert').filter({ hasNotText: 'Segment cannot reach this address' });
    expect({ name, alerts: await alerts.allTextContents() }).toEqual({ name, alerts: [] });
    await takePicture(page, `viewer-${name}`, { fullPage: true });
    await page.setViewportSize({ width: 375, height: 740 });
    await page.reload();
    await page.getByText(text).filter({ visible: true }).first().waitFor();
    await settled(page);
    expect({ name, wide: await page.evaluate(widerThanTheScreen) }).toEqual({ name, wide: [] });
  }
  expect(faults).toEqual([]);
  await context?.close();
});

describe('by keyboard', () => {
  interface Focus {
    name: string;
    inDialog: boolean;
    isSeen: boolean;
  }
  const focus = (): Promise<Focus> => its.page.evaluate(focused);
  const press = async (key: string, times = 1) => {
    for (let n = 0; n < times; n += 1) await its.page.keyboard.press(key);
  };

  it('every page begins with a way to its content, and what has the focus shows it', async () => {
    const { page } = its;
    await page.setViewportSize({ width: 1280, height: 800 });
    await open('/packages');
    await page.getByText('Enterprise').first().waitFor();
    await press('Tab');
    expect(await focus()).toMatchObject({ name: 'Skip to the content', isSeen: true });
    await press('Enter');
    await press('Tab');
    expect(await focus()).toMatchObject({ name: 'New package', isSeen: true });
    await press('Tab');
    expect((await focus()).name).toMatch(/^All/);
    // One stop for all the tabs; from there into the table.
    await press('ArrowRight');
    await page.waitForURL(/status=draft/);
  });

  it('a dialog keeps the focus, closes with Escape, and gives the focus back', async () => {
    const { page } = its;
    await open('/features');
    const button = page.getByRole('button', { name: 'New feature' });
    await button.focus();
    await press('Enter');
    await page.getByRole('dialog').waitFor();
    await until(page, 'document.activeElement.closest("[role=dialog]") !== null');
    for (let n = 0; n < 12; n += 1) {
      await press('Tab');
      expect(await focus()).toMatchObject({ inDialog: true });
    }
    await press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await until(page, 'document.activeElement.textContent === "New feature"');
  });

  it('an id is copied with one key, and a time tells UTC', async () => {
    const { page } = its;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: its.app.url });
    await open('/users/ada-lovelace');
    await page.getByRole('button', { name: 'Copy ada-lovelace' }).focus();
    await press('Enter');
    await until(page, 'navigator.clipboard.readText().then((text) => text === "ada-lovelace")');
    await page.locator('time').first().focus();
    await page
      .getByRole('tooltip')
      .filter({ hasText: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/ })
      .waitFor();
  });
});

it('shows why a page has nothing: loading, not there, and not loaded', async () => {
  const { page } = its;
  await open('/packages/nothing');
  await page.getByText('There is no package with the id "nothing".').waitFor();
  let fails = true;
  await page.route('**/graphql', (route) =>
    fails
      ? route.fulfill({ status: 500, body: '{"errors":[{"message":"Something broke."}]}' })
      : route.continue(),
  );
  await open('/users');
  await page.getByText('Could not load this').waitFor();
  await page.getByText('Something broke.').waitFor();
  fails = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Grace Hopper').waitFor();
  await page.unroute('**/graphql');
});

it('nothing went wrong in the browser on the way', () => expect(its.faults).toEqual([]));
