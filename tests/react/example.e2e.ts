import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { insertDemo } from '../../src/provisioning/store.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { inspect, launchChromium } from '../helpers/console.ts';

// The example app, built and started with the command of its README, in a browser. Its environment is that of a first
// start: it has the demo packages, which are called Free and Pro, too.

const readme = readFileSync('examples/react/README.md', 'utf8');
const [, startCommand = ''] = /```sh\n(KANA_KEY=.*)\n```/.exec(readme) ?? [];

/** Starts the app, as the README says but for the key. It runs in a group of its own, to end all of it. */
function start(key: string, env: Record<string, string>): ChildProcess {
  return spawn('sh', ['-c', startCommand.replace('prv_test_…', key)], {
    detached: true,
    env: { ...process.env, PORT: '0', NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Waits for what the app prints when it answers. */
async function addressOf(server: ChildProcess): Promise<string> {
  let told = '';
  server.stderr?.pipe(process.stderr);
  for await (const part of server.stdout ?? []) {
    told += part;
    const [, address] = /^Open (http:.*)$/m.exec(told) ?? [];
    if (address) return address;
  }
  throw new Error(`the app ended: ${told}`);
}

let app: TestApp;
let browser: Browser;
let page: Page;
let server: ChildProcess;
const faults: string[] = [];

beforeAll(async () => {
  [app, browser] = await Promise.all([startTestApp(), launchChromium()]);
  await insertDemo(app.database.prisma, 'test', new Date());
  server = start(app.keys.test, { KANA_URL: app.url });
  const address = await addressOf(server);
  page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(address);
});
afterAll(async () => {
  if (server?.pid) process.kill(-server.pid);
  await browser?.close();
  await app?.close();
});

const meter = () => page.getByRole('meter', { name: 'Postcards' });
const send = () => page.getByRole('button', { name: 'Send a postcard' });
const plan = (name: string) =>
  page.getByRole('listitem').filter({ has: page.getByRole('heading', { name }) });

test('what is used up closes the gate; a larger plan opens it again', async () => {
  await page.getByText('0 of 3 postcards').waitFor();
  expect(await page.getByRole('heading', { level: 3 }).allTextContents()).toEqual(['Free', 'Pro']);
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

test('without a key, with a wrong one and without Open Kana it says so in one line', async () => {
  const line = async (key: string, env = {}) => {
    const child = spawn(process.execPath, ['examples/react/server.mjs'], {
      env: { ...process.env, KANA_KEY: key, PORT: '0', ...env },
    });
    let told = '';
    child.stderr?.on('data', (part) => {
      told += part;
    });
    await once(child, 'close');
    return told.split('\n').filter(Boolean);
  };
  const hint = 'Set KANA_KEY to the private test key that the first start of Open Kana prints.';
  const { url, keys } = app;
  expect(
    await Promise.all([
      line('prv_test_…'),
      line(keys.publicTest),
      line(`prv_test_${'a'.repeat(32)}`, { KANA_URL: url }),
      line(keys.test, { KANA_URL: 'http://127.0.0.1:9' }),
    ]),
  ).toEqual([
    [hint],
    [hint],
    ['Unauthenticated: send a valid private key in the Authorization header.'],
    ['http://127.0.0.1:9/graphql cannot be reached.'],
  ]);
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
