import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { inspect, launchChromium, signIn } from '../helpers/console.ts';
import { createDataDir, ensureBuilt, type ServerProcess, startServer } from '../helpers/process.ts';

// A server that dies and starts again, with the same database and on the same port.

let directory: Awaited<ReturnType<typeof createDataDir>>;
let server: ServerProcess;
let browser: Browser;
let page: Page;
const key = `prv_test_${'k'.repeat(32)}`;

beforeAll(async () => {
  await ensureBuilt();
  directory = await createDataDir();
  server = await start('0');
  browser = await launchChromium();
  page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(30_000);
  await signIn(page, server.url, key);
});
afterAll(async () => {
  await browser?.close();
  await directory?.remove();
});

const start = (port: string) =>
  startServer({ PORT: port, DATA_DIR: directory.dataDir, KANA_TEST_PRIVATE_KEY: key });

async function send(query: string) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { Authorization: key, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { errors } = (await response.json()) as { errors?: unknown };
  expect(errors).toBe(undefined);
}
const createFeature = (id: string) =>
  send(`mutation { createFeature(input: { id: "${id}", type: BINARY }) { id } }`);

it('says what the demo data is, and what to try with it', async () => {
  await page.getByRole('heading', { name: 'Try it with the demo data' }).waitFor();
  expect(await inspect(page, 'overview-demo')).toEqual([]);
  await page.getByRole('link', { name: 'open Demo User' }).click();
  await page.getByRole('heading', { name: 'Demo User' }).waitFor();
  await page.getByRole('link', { name: 'Segment', exact: true }).click();
  const example = page.getByRole('alert').filter({ hasText: 'Try with cURL' });
  await example.getByText('"userId":"demo-user"').waitFor();
  await example.getByRole('button', { name: 'Copy this' }).waitFor();
  expect(await inspect(page, 'segment-demo')).toEqual([]);
});

it('says that the server is gone, refuses changes, and goes on by itself when it is back', async () => {
  await createFeature('early');
  await page.getByRole('link', { name: 'Features', exact: true }).click();
  await page.getByRole('link', { name: 'early' }).waitFor();
  // What a reload would lose.
  await page.evaluate('window.notReloaded = true');
  await page.getByLabel('Find a feature').fill('a');

  await server.end('SIGKILL');
  await page.getByText('The server does not respond. The data shown may be out of date.').waitFor();
  await page.getByRole('link', { name: 'early' }).waitFor();
  await page.getByRole('button', { name: 'New feature' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Late');
  await page.getByRole('button', { name: 'Create feature' }).click();
  await page.getByRole('dialog').getByText('The server does not respond.').waitFor();
  expect(await inspect(page, 'gone')).toEqual([]);

  server = await start(new URL(server.url).port);
  await createFeature('made-meanwhile');
  // What was typed is still there, and can be sent now.
  await page
    .getByText('The server does not respond. The data shown may be out of date.')
    .waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Create feature' }).click();
  await page.getByRole('heading', { name: 'Late' }).waitFor();
  await page.getByRole('link', { name: 'Features', exact: true }).click();
  await page.getByRole('link', { name: 'made-meanwhile' }).waitFor();
  expect(await page.evaluate('window.notReloaded')).toBe(true);
});

it('removes the demo data in one step, and says what stays', async () => {
  await send('mutation { createUser(input: { id: "own" }) { id } }');
  await send('mutation { subscribe(userId: "own", packageIds: ["pro-plan"]) { id } }');
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  await page.getByText('The demo data is still here').waitFor();
  expect(await inspect(page, 'overview-demo-notice')).toEqual([]);
  await page.getByRole('button', { name: 'Remove the demo data' }).click();
  const dialog = page.getByRole('dialog', { name: 'Remove the demo data?' });
  await dialog.getByText('Demo User is deleted with all usage').waitFor();
  await dialog.getByRole('button', { name: 'Remove the demo data' }).click();
  await page.getByText('The demo data was removed, except what is in use').waitFor();
  await page.getByText('The package "pro-plan" cannot be deleted').waitFor();
  await page.getByRole('button', { name: 'Remove the demo data' }).waitFor({ state: 'hidden' });
  await page.getByRole('link', { name: 'Users', exact: true }).click();
  await page.getByRole('link', { name: 'own', exact: true }).waitFor();
  expect(await page.getByText('Demo User').count()).toBe(0);
});
