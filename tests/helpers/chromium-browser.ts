import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium } from 'playwright-core';
import { type Browser, bundleSdk, expressionOf, resultOf } from './browser.ts';

const html = `<!doctype html><title>A page</title>
<script src="/sdk.js"></script>`;

/** Debian's Chromium, without a window, and a site of its own to visit. It is to reach nothing else. */
export async function startChromium(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-sync',
    ],
  });
  const sdk = bundleSdk();
  const site = createServer(({ url }, response) => {
    response.setHeader('Content-Type', url === '/sdk.js' ? 'text/javascript' : 'text/html');
    response.end(url === '/sdk.js' ? sdk : html);
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  const { port } = site.address() as AddressInfo;

  return {
    origins: [`http://127.0.0.1:${port}`, `http://localhost:${port}`],
    async open(origin) {
      const page = await browser.newPage();
      await page.goto(origin);
      return {
        run: async (script, argument) => resultOf(await page.evaluate(expressionOf(script, argument))),
      };
    },
    async close() {
      await browser.close();
      site.closeAllConnections();
      await new Promise((resolve) => site.close(resolve));
    },
  };
}
