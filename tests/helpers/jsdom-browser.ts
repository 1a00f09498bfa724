import { JSDOM, VirtualConsole } from 'jsdom';
import { type Browser, bundleSdk, expressionOf, resultOf } from './browser.ts';

/** A browser without a picture: jsdom has its XMLHttpRequest, which asks other origins as a browser's does. */
export async function startJsdom(): Promise<Browser> {
  const sdk = bundleSdk();
  const windows: JSDOM['window'][] = [];
  return {
    origins: ['https://app.example.com', 'https://other.example.com'],
    async open(origin) {
      const { window } = new JSDOM('<!doctype html>', {
        url: origin,
        runScripts: 'outside-only',
        virtualConsole: new VirtualConsole(),
      });
      windows.push(window);
      window.eval(sdk);
      return {
        run: async (script, argument) => resultOf(await window.eval(expressionOf(script, argument))),
      };
    },
    close: async () => {
      for (const window of windows) window.close();
    },
  };
}
