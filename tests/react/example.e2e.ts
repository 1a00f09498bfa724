import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium } from '../helpers/console.ts';

// The example app, built and started as its README says, in a browser.

let app: TestApp;
let browser: Browser;
let page: Page;
let server: ChildProcess;
const faults: string[] = [];

beforeAll(async () => {
  const vite = spawnSync(process.execPath, [resolve('node_modules/vite/bin/vite.js'), 'build'], {
    cwd: 'examples/react',
    encoding: 'utf8',
    env: { ...process.env, NODE_ENV: 'production' },
  });
  expect([vite.status, vite.stderr]).toEqual([0, '']);
  [app, browser] = await Promise.all([startTestApp(), launchChromium()]);
  const env = { ...process.env, KANA_URL: app.url, KANA_KEY: app.keys.test, PORT: '0' };
  server = spawn(process.execPath, ['server.mjs'], {
    cwd: 'examples/react',
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(server.stdout as NodeJS.ReadableStream, 'data');
  page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(`${line}`.replace('Open ', '').trim());
});
afterAll(async () => {
  server?.kill();
  await browser?.close();
  await app?.close();
});

const meter = () => page.getByRole('meter', { name: 'Postcards' });
const send = () => page.getByRole('button', { name: 'Send a postcard' });
const plan = (name: string) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });

test('what is used up closes the gate; a larger plan opens it again', async () => {
  await page.getByText('0 of 3 postcards').waitFor();
  await plan('Free').getByText('Your plan').waitFor();
  await plan('Pro').getByText('€9.00 per month').waitFor();
  expect(await plan('Pro').getByRole('listitem').allTextContents()).toEqual([
    '100 postcards per month',
    'Golden stamps',
  ]);
  expect(await inspect(page, 'example-open')).toEqual([]);

  for (const used of [1, 2, 3]) {
    await send().click();
    await page.getByText(`${used} of 3 postcards`).waitFor();
  }
  await page.getByText('You have no postcards left.').waitFor();
  expect(await send().count()).toBe(0);
  expect(await meter().getAttribute('aria-valuetext')).toBe('3 of 3 postcards');
  expect(await inspect(page, 'example-closed')).toEqual([]);

  await plan('Pro').getByRole('button', { name: 'Choose Pro' }).click();
  await plan('Pro').getByText('Your plan').waitFor();
  await page.getByText('3 of 100 postcards').waitFor();
  await page.getByText('Your postcards have golden stamps.').waitFor();
  await page.getByText('Postcards: 97').waitFor();
  await send().waitFor();
  expect(faults).toEqual([]);
});

test('usage that was recorded elsewhere is shown when the page comes back', async () => {
  await app.ok(
    'mutation { recordUsage(input: { userId: "ada", featureId: "postcards", delta: 50 }) { recorded } }',
  );
  await page.reload();
  await page.getByText('53 of 100 postcards').waitFor();
});

test('its sources fit the types of the packages', () => {
  const { stdout } = spawnSync(
    process.execPath,
    ['node_modules/typescript/bin/tsc', '-p', 'examples/react'],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toBe('');
});
