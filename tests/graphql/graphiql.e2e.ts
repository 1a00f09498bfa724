import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { launchChromium } from '../helpers/console.ts';

// The policy of the page lets no text become a script: everything that the page does still has to work.

let app: TestApp;
let browser: Browser;
let page: Page;
const faults: string[] = [];

beforeAll(async () => {
  app = await startTestApp();
  browser = await launchChromium();
  page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // An operation without a key is answered with 401, which the browser tells too.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(message.text());
  });
  await page.goto(`${app.url}/graphql`);
});
afterAll(async () => {
  await browser?.close();
  await app?.close();
});

it('runs an operation, and shows its answer', async () => {
  await page.locator('.graphiql-execute-button').click();
  await page.locator('.graphiql-response').getByText('Unauthenticated').first().waitFor();
});

it('checks what is written against the schema, in a worker', async () => {
  await page.locator('.graphiql-query-editor .monaco-editor').first().click();
  await page.keyboard.press('Control+A');
  await page.keyboard.type('{ featurez }');
  await page.locator('.squiggly-error').first().waitFor();
});

it('nothing of it was refused by the browser', () => {
  expect(faults).toEqual([]);
});
