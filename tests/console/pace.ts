import { expect } from '@jest/globals';
import type { Console } from '../helpers/console.ts';
import { medianOf } from '../helpers/median.ts';
import { settled } from '../helpers/settled.ts';

// From page to page, with 200 users and 20,000 usages: each link leads to its content. `PACE=1` prints how long it took
// in the page, from the click to the content. Times depend on the machine, so none is required.

const rounds = process.env.PACE === undefined ? 1 : 8;
const hoverMs = 100;

/** Each link as a person goes: the text of the link, and a text of the page that it leads to. */
const steps: [link: string, text: string][] = [
  ['Features', 'PDF exports'],
  ['API calls', 'Packages'],
  ['Packages', 'Enterprise'],
  ['Pro', '10,000 a month'],
  ['Users', 'Grace Hopper'],
  ['Ada Lovelace', '10,000 of 10,000 calls'],
  ['Segment', 'Waiting for their user'],
  ['Configuration', 'prv_test_…'],
  ['Webhooks', 'New webhook'],
  ['Catalogue', 'id: enterprise'],
  ['Members', 'Invite a person'],
  ['Audit log', 'Backend'],
  ['Overview', 'Published packages'],
];

/** Points at a link, as a person does before the click, and returns the milliseconds from the click to the content. */
const follow = (link: string, text: string) => `(async () => {
  const of = (words) => [...document.querySelectorAll('a')].find((a) => a.textContent.trim() === words);
  const frame = () => new Promise(requestAnimationFrame);
  const at = of(${JSON.stringify(link)});
  at.dispatchEvent(new MouseEvent('mouseover', { bubbles: true }));
  await new Promise((resolve) => setTimeout(resolve, ${hoverMs}));
  at.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true }));
  const hasText = () => document.querySelector('#content').textContent.includes(${JSON.stringify(text)});
  // The tabs of a page share its title.
  const before = { title: document.title, hasText: hasText() };
  const begun = performance.now();
  at.click();
  const isThere = () => hasText() && (document.title !== before.title || !before.hasText);
  while (!isThere() && performance.now() - begun < 30_000) await frame();
  return isThere() ? performance.now() - begun : null;
})()`;

/** What two frames take now: the least that any page can. */
const idle = `(async () => {
  const begun = performance.now();
  for (let n = 0; n < 2; n += 1) await new Promise(requestAnimationFrame);
  return performance.now() - begun;
})()`;

/** Follows each link to its content, in an environment like that of the showcase. */
export async function followLinks(its: Console): Promise<void> {
  const { page } = its;
  await page.goto(`${its.app.url}/test`);
  await page.getByText('Published packages').waitFor();
  await settled(page);
  const took = new Map<string, number[]>(steps.map(([link]) => [link, []]));
  const frames: number[] = [];
  for (let round = 0; round < rounds; round += 1)
    for (const [link, text] of steps) {
      frames.push(Number(await page.evaluate(idle)));
      const ms = await page.evaluate<number | null>(follow(link, text));
      expect({ link, isThere: ms !== null }).toEqual({ link, isThere: true });
      took.get(link)?.push(ms ?? 0);
      await settled(page);
    }
  expect(its.faults).toEqual([]);
  if (process.env.PACE === undefined) return;
  const rows = [...took].map(([link, all]) => ({
    link,
    first: Math.round(all[0] ?? 0),
    median: Math.round(medianOf(all.slice(1))),
    max: Math.round(Math.max(...all.slice(1))),
  }));
  console.table(rows);
  const later = [...took.values()].flatMap((all) => all.slice(1));
  console.log(
    `from click to content: median ${Math.round(medianOf(later))} ms, max ${Math.round(Math.max(...later))} ms; ` +
      `two frames: median ${Math.round(medianOf(frames))} ms, max ${Math.round(Math.max(...frames))} ms`,
  );
}
