import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { launchChromium } from '../../helpers/console.ts';
import { createFeature } from '../../helpers/factories.ts';
import { usageOf } from '../../helpers/segment.ts';

// analytics.js as it is published, in a page of another origin, with a write key.

let app: TestApp;
let browser: Browser;
let site: Server;
let address: string;

beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  browser = await launchChromium();
  const { outputFiles } = await build({
    stdin: {
      contents: `import { AnalyticsBrowser } from '@segment/analytics-next'; window.AnalyticsBrowser = AnalyticsBrowser;`,
      resolveDir: process.cwd(),
    },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"production"', 'process.env.TEST': '""', global: 'window' },
    logLevel: 'silent',
  });
  const script = outputFiles[0]?.text ?? '';
  site = createServer(({ url }, response) => {
    response.setHeader('Content-Type', url === '/a.js' ? 'text/javascript' : 'text/html');
    response.end(
      url === '/a.js' ? script : '<!doctype html><title>A page</title><script src="/a.js"></script>',
    );
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await browser?.close();
  site?.closeAllConnections();
  site?.close();
  await app?.close();
});

test.each([
  ['one by one', { strategy: 'standard' }],
  ['in batches', { strategy: 'batching', config: { size: 2, timeout: 100 } }],
])('sends events %s, with the address and the key alone', async (how, deliveryStrategy) => {
  const page = await browser.newPage();
  const sent: [string, number][] = [];
  page.on('response', (response) => {
    const { host, pathname } = new URL(response.url());
    if (host === new URL(app.url).host && response.request().method() === 'POST')
      sent.push([pathname, response.status()]);
  });
  await page.goto(address);
  await page.evaluate(
    async ({ url, writeKey, userId, strategy }) => {
      // biome-ignore lint/suspicious/noExplicitAny: the page's own global
      const analytics = (window as any).AnalyticsBrowser.load(
        { writeKey, cdnURL: url },
        { integrations: { 'Segment.io': { deliveryStrategy: strategy } } },
      );
      await analytics.page('Home');
      await analytics.identify(userId, { name: 'Ada' });
      await analytics.track('Message Sent', { featureId: 'messages', delta: 2 });
    },
    { url: app.url, writeKey: app.keys.writeTest, userId: how, strategy: deliveryStrategy },
  );
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline && (await usageOf(app.database, 'messages'))[how] === undefined)
    await page.waitForTimeout(50);
  expect((await usageOf(app.database, 'messages'))[how]?.delta).toBe(2);
  expect(sent.length).toBeGreaterThan(0);
  expect(sent.filter(([, status]) => status !== 200)).toEqual([]);
  await page.close();
});
