import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import { type Queue, startQueue } from '../../src/jobs/queue.ts';
import { segmentJobs } from '../../src/segment/jobs.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// Events that nothing claims become a rule, and are counted back: each test goes on where the last one ended.

let app: TestApp;
let queue: Queue;
let browser: Browser;
let page: Page;
const barriers: string[] = [];

const look = async (name: string) => {
  for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
};
const dialog = () => page.getByRole('dialog');

beforeAll(async () => {
  app = await startTestApp({ withConsole: true });
  const db = app.database.prisma;
  const { connectionString = '' } = app.database.hot.options;
  queue = await startQueue(connectionString, segmentJobs(db), {
    atStart: [],
    log: pino({ level: 'silent' }),
  });
  await createFeature(db, { id: 'addons' });
  await createPackage(db, { id: 'pro', features: [{ id: 'addons', limit: 10, resetPeriod: 'MONTH' }] });
  await createUser(db, { id: 'ada' });
  const startedAt = new Date(Date.now() - 60_000);
  await createSubscription(db, { userId: 'ada', packageId: 'pro', startedAt });
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(15_000);
  await signIn(page, app.url, app.keys.test);
});
afterAll(async () => {
  await browser?.close();
  await queue?.stop();
  await app?.close();
});

it('tells how to connect while nothing has arrived', async () => {
  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  await page.getByText('None yet').waitFor();
  await page.getByText(`${app.url}/segment/events`, { exact: true }).waitFor();
  await look('segment-empty');
});

it('shows what arrives, without being asked', async () => {
  for (let n = 0; n < 3; n++)
    await app.http
      .post('/segment/events')
      .set('Authorization', app.keys.test)
      .send({ type: 'track', userId: 'ada', event: 'Package Created', properties: { type: 'addon' } });
  await app.http
    .post('/segment/events')
    .set('Authorization', app.keys.test)
    .send({ type: 'identify', userId: 'ada', traits: { name: 'Ada' } });
  await page.getByRole('heading', { name: 'Unmatched events' }).waitFor();
  await look('segment-unmatched');
});

it('makes a rule of a group, with a count of what it would match', async () => {
  await page.getByRole('button', { name: 'Create rule: type = addon' }).click();
  await dialog().getByText('Matches 3 stored events').waitFor();
  await dialog().getByRole('textbox', { name: 'Value 1' }).fill('base');
  await dialog().getByText('Matches 0 stored events').waitFor();
  await dialog().getByRole('textbox', { name: 'Value 1' }).fill('addon');
  await dialog().getByText('Matches 3 stored events').waitFor();
  await dialog().getByRole('combobox', { name: 'Counts as usage of' }).click();
  await page.getByRole('option', { name: 'addons' }).click();
  await look('segment-rule');
  await dialog().getByRole('button', { name: 'Create rule' }).click();
  await dialog().waitFor({ state: 'hidden' });
});

it('shows what became of an event, and leads to it', async () => {
  await page.getByRole('tab', { name: 'Events' }).click();
  await page
    .getByRole('table', { name: 'Events', exact: true })
    .getByRole('button', { name: 'Package Created' })
    .first()
    .click();
  await dialog().getByText('Rule', { exact: true }).waitFor();
  await look('segment-event');
  await dialog().getByRole('link', { name: 'type is addon' }).waitFor();
  await dialog().getByRole('button', { name: 'Close' }).click();
  await dialog().waitFor({ state: 'hidden' });
});

it('counts the events back', async () => {
  await page.getByRole('tab', { name: 'Rules' }).click();
  await page.getByText('3 events matched').waitFor();
  await look('segment');
  await page.getByRole('tab', { name: 'Unmatched', exact: true }).click();
  await page.getByText('None: each track event that came').waitFor();
  await page.getByRole('tab', { name: 'Connect' }).click();
  await page.getByText(`${app.url}/segment/events`, { exact: true }).waitFor();
  await page.goto(`${app.url}/test/users/ada`);
  await page.getByText('3 of 10 used (30%)').waitFor();
});

it('makes a rule of one event that is unmatched, found from the overview', async () => {
  await app.http
    .post('/segment/events')
    .set('Authorization', app.keys.test)
    .send([
      { type: 'track', userId: 'ada', event: 'Seat Added', properties: { amount: 5 } },
      {
        type: 'track',
        userId: 'ada',
        event: 'Add-ons Bought',
        properties: { featureId: 'addons', delta: 2 },
      },
    ]);
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  await page.getByRole('link', { name: 'Waiting for their user' }).click();
  await page.getByText('No events with this outcome.').waitFor();
  await page.goBack();
  await page
    .getByRole('table', { name: 'Latest events' })
    .getByRole('link', { name: 'ada' })
    .first()
    .waitFor();
  await look('overview-events');
  await page.getByRole('button', { name: 'Add-ons Bought' }).click();
  await dialog().getByText('2 of addons').waitFor();
  await dialog().getByText('No rule: it names the feature itself').waitFor();
  await dialog().getByRole('button', { name: 'Close' }).click();
  await page.getByRole('link', { name: 'Unmatched events' }).click();
  await page.waitForURL(`${app.url}/test/segment#unmatched`);
  await page.getByRole('region', { name: 'Property amount' }).getByText('5', { exact: true }).waitFor();
  await look('segment-property');
  await page.getByRole('tab', { name: 'Events' }).click();
  await page.getByRole('button', { name: 'Seat Added', exact: true }).click();
  await dialog().getByText('Unmatched').waitFor();
  await dialog().getByRole('link', { name: 'ada' }).waitFor();
  await look('segment-event-unmatched');
  await dialog().getByRole('button', { name: 'Create rule' }).click();
  await dialog().getByText('Matches 1 stored event').waitFor();
  await dialog().getByText('An event that names the feature and the amount').waitFor();
  await look('segment-event-rule');
  await dialog().getByRole('button', { name: 'Create rule' }).click();
  await page.getByRole('tab', { name: 'Rules' }).click();
  await page.getByText('1 event matched').waitFor();
});

it('no page has a barrier that axe knows', () => expect(barriers).toEqual([]));
