import { setTimeout as sleep } from 'node:timers/promises';
import type { Page, Request } from 'playwright-core';

interface Traffic {
  /** What is not answered yet. */
  open: Set<Request>;
  begun: number;
}

const traffics = new WeakMap<Page, Traffic>();
const deadlineMs = 60_000;
const calmMs = 1_000;

/**
 * Waits until a page is what it will be: every request is answered, what was answered is shown, and no more requests
 * came of it. It takes as long as the machine needs, where `networkidle` waits half a second each time.
 */
export async function settled(page: Page): Promise<void> {
  const traffic = traffics.get(page) ?? (await watch(page));
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const { begun } = traffic;
    while (traffic.open.size > 0 && performance.now() < deadline) await sleep(10);
    await page.evaluate(turns);
    if (traffic.begun === begun && traffic.open.size === 0) return;
    if (performance.now() > deadline)
      throw new Error(
        `The page goes on with requests. Open: ${[...traffic.open].map((request) => request.url())}`,
      );
  }
}

async function watch(page: Page): Promise<Traffic> {
  const traffic: Traffic = { open: new Set(), begun: 0 };
  traffics.set(page, traffic);
  page.on('request', (request) => {
    // What the page before it had asked for is given up.
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) traffic.open.clear();
    traffic.open.add(request);
    traffic.begun += 1;
  });
  const close = (request: Request) => traffic.open.delete(request);
  page.on('requestfinished', close);
  page.on('requestfailed', close);
  // What began before this is not known here.
  await page.waitForLoadState('networkidle');
  return traffic;
}

/** Lets a page do what it has at hand, which may lead to more. Not by frames: a browser without a window may stop them. */
const turns = `(async () => {
  for (let n = 0; n < 3; n += 1) await new Promise((resolve) => setTimeout(resolve, 20));
})()`;

/** Waits until a page has taken a theme, and nothing on it moves, but not for what never ends. */
export async function calm(page: Page, theme: 'light' | 'dark'): Promise<void> {
  const end = performance.now() + calmMs;
  while (!(await page.evaluate(isCalm(theme))) && performance.now() < end) await sleep(20);
}

// Mantine names the theme; other pages have none.
const isCalm = (theme: string) => `(() => {
  const moves = (each) => each.playState === 'running' &&
    Number.isFinite(Number(each.effect?.getComputedTiming().endTime));
  return [undefined, '${theme}'].includes(document.documentElement.dataset.mantineColorScheme) &&
    !document.getAnimations().some(moves);
})()`;
