import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  type Browser,
  chromium,
  type Download,
  type Page,
  type PageScreenshotOptions,
} from 'playwright-core';
import { startTestApp, type TestApp } from './app.ts';
import { calm, settled } from './settled.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Where what the pages look like is written, for people to look at, when they ask for it: it takes its time. */
const pictures = 'screenshots';
export const wantsPictures = process.env.PICTURES !== undefined;

/** Debian's Chromium, without a window. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
  });
}

/** The console in a browser, signed in to test. */
export interface Console {
  app: TestApp;
  page: Page;
  /** What axe has found so far, in words. */
  barriers: string[];
  /** What went wrong in the browser so far. */
  faults: string[];
  /** Takes pictures, and lets axe look. */
  look(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts a server of its own, and a browser that is signed in. */
export async function openConsole(): Promise<Console> {
  const app = await startTestApp({ withConsole: true });
  const browser = await launchChromium();
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  page.setDefaultTimeout(60_000);
  const barriers: string[] = [];
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    // A page that failed is caught and told here; answers that a test provokes are not faults.
    const isFault = message.type() === 'error' && !message.text().startsWith('Failed to load resource');
    if (isFault) faults.push(message.text());
  });
  await signIn(page, app.url, app.keys.test);
  return {
    app,
    page,
    barriers,
    faults,
    async look(name) {
      for (const problem of await inspect(page, name)) barriers.push(`${name}, ${problem}`);
    },
    async close() {
      await browser.close();
      await app.close();
    },
  };
}

/** Waits until an expression is true in the page, whose policy lets no poll of the driver's own run there. */
export async function until(page: Page, expression: string): Promise<void> {
  while (!(await page.evaluate(expression))) await page.waitForTimeout(50);
}

/** What is in a file that the browser was handed. */
export async function readDownload(file: Download): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of await file.createReadStream()) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** Opens the console as somebody who has just got a key, and signs in with it. */
export async function signIn(page: Page, url: string, key: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel('Private key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor();
}

/** Takes a picture of the page, if pictures are wanted. */
export async function takePicture(
  page: Page,
  name: string,
  options: Pick<PageScreenshotOptions, 'fullPage' | 'clip'>,
): Promise<void> {
  if (!wantsPictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}/${name}.png`, ...options });
}

/** Pictures of the page in both themes, named after it; and what axe finds wrong with it, in words. */
export async function inspect(page: Page, name: string): Promise<string[]> {
  const problems: string[] = [];
  for (const theme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    // A tooltip under the mouse would be there by chance.
    await page.mouse.move(0, 0);
    await settled(page);
    await calm(page, theme);
    // Behind a dialog the page does not matter; without one, all of it does, from its top.
    const fullPage = (await page.getByRole('dialog').count()) === 0;
    if (fullPage) await page.evaluate('window.scrollTo(0, 0)');
    await takePicture(page, `${name}-${theme}`, { fullPage });
    // The second theme changes nothing but colours.
    const rules = theme === 'light' ? 'all' : 'colours';
    problems.push(...(await findViolations(page, rules)).map((problem) => `${theme}: ${problem}`));
  }
  return problems;
}

interface Violation {
  id: string;
  nodes: { target: string[]; failureSummary: string }[];
}

async function findViolations(page: Page, rules: 'all' | 'colours'): Promise<string[]> {
  // Through the browser's debugger, as the page itself allows no script but its own.
  const session = await page.context().newCDPSession(page);
  const runOnly = rules === 'all' ? undefined : ['color-contrast'];
  const options = JSON.stringify({ resultTypes: ['violations'], runOnly });
  // It is half a megabyte: a page is given it once.
  const isThere = (await page.evaluate('typeof axe')) === 'object';
  const expression = `${isThere ? '' : axe}; axe.run(${options}).then(({ violations }) => violations.map(({ id, nodes }) =>
    ({ id, nodes: nodes.map(({ target, failureSummary }) => ({ target, failureSummary })) })))`;
  const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
    expression,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  if (exceptionDetails) throw new Error(exceptionDetails.text);
  const violations: Violation[] = result.value;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
  );
}
