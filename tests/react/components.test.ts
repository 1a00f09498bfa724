import { resolve } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { createElement as h } from 'react';
import { renderToString } from 'react-dom/server';
import { createKana, type UserData } from '../../packages/react/src/core/index.ts';
import { ensureBuilt } from '../helpers/process.ts';

// The components, as a server renders them. tests/react/example.e2e.ts drives them in a browser.

// biome-ignore lint/suspicious/noExplicitAny: what is built, as its users get it
let kit: any;
beforeAll(async () => {
  await ensureBuilt();
  kit = await import(resolve('packages/react/dist/esm/index.js'));
}, 120_000);

const unit = { unitLabel: 'call', unitLabelPlural: 'calls', metadata: null };
const entitlement = (id: string, used: number, budget: number | null) => ({
  feature: { id, name: id, type: 'CONSUMABLE' as const, ...unit },
  ...{ access: budget === null || used < budget, reason: 'Because.', packageId: 'pro' },
  ...{ periodStart: '2026-01-01T00:00:00.000Z', periodEnd: null },
  consumption: { used, budget, remaining: budget === null ? null : budget - used, overageEnabled: false },
});

const initialUser: UserData = {
  user: { id: 'ada', name: null, email: null },
  entitlements: [entitlement('calls', 40, 50), entitlement('spent', 5, 5), entitlement('tokens', 1234, null)],
  subscriptions: [
    {
      ...{ id: '1', packageId: 'pro', version: 1, isAddon: false, status: 'TRIALING' },
      ...{ startedAt: '2026-01-01T00:00:00.000Z', trialEnd: '2026-02-01T00:00:00.000Z', cancelsAt: null },
    },
  ],
};
const facts = { isAddon: false, version: 1, metadata: null, packageFeatures: [], prices: [] };
const price = { id: 'p', amount: 900, displayAmount: '9.00', currency: 'usd', interval: 'month' };
const initialPackages = [
  { ...facts, id: 'pro', name: 'Pro', prices: [price] },
  { ...facts, id: 'free', name: 'Free' },
  { ...facts, id: 'more', name: 'More', isAddon: true },
];

const render = (element: unknown, props: object = { initialUser, initialPackages }) =>
  renderToString(h(kit.KanaProvider, { userToken: 'none', ...props }, element as never));

describe('<Gate>', () => {
  const gate = (props: object) =>
    render(h(kit.Gate, { fallback: 'closed', loading: 'unknown', ...props }, 'open'));

  test.each([
    [{ feature: 'calls' }, 'open'],
    [{ feature: 'calls', amount: 10 }, 'open'],
    [{ feature: 'calls', amount: 11 }, 'closed'],
    [{ feature: 'spent' }, 'closed'],
    [{ feature: 'nothing' }, 'closed'],
  ])('%j is %s', (props, shown) => expect(gate(props)).toBe(shown));

  test('shows what is loading before anything is known, and takes functions', () => {
    expect(render(h(kit.Gate, { feature: 'calls', loading: 'unknown' }, 'open'), {})).toBe('unknown');
    const left = ({ remaining }: { remaining: number }) => `${remaining} left`;
    expect(render(h(kit.Gate, { feature: 'calls' }, left as never))).toBe('10 left');
  });
});

describe('<UsageBar>', () => {
  const bar = (props: object) => render(h(kit.UsageBar, props));

  test('is a meter with a name and words', () => {
    const html = bar({ feature: 'calls' });
    expect(html).toMatch(
      /role="meter" aria-labelledby="([^"]+)" aria-valuemin="0" aria-valuemax="50" aria-valuenow="40" aria-valuetext="40 of 50 calls"/,
    );
    expect(html).toMatch(/<span data-part="label" id="([^"]+)">calls<\/span>/);
    expect(html).toContain('style="width:80%"');
    expect(html).toContain('data-level="ok"');
  });

  test('of what is spent, unlimited or not there', () => {
    expect(bar({ feature: 'spent' })).toContain('data-level="over"');
    const unlimited = bar({ feature: 'tokens' });
    expect(unlimited).toContain('1,234 calls used');
    expect(unlimited).not.toContain('meter');
    expect(bar({ feature: 'nothing', fallback: 'none' })).toBe('none');
  });

  test('can be drawn in another way, in another language', () => {
    const draw = ({ text, fraction }: { text: string; fraction: number }) => `${text}: ${fraction}`;
    expect(render(h(kit.UsageBar, { feature: 'calls' }, draw as never))).toBe('40 of 50 calls: 0.8');
    const labels = { usage: (view: { used: number }) => `${view.used} Aufrufe` };
    const props = { initialUser, locale: 'de', labels };
    expect(render(h(kit.UsageBar, { feature: 'calls' }), props)).toContain('40 Aufrufe');
  });
});

describe('<PricingTable>', () => {
  test('lists the base packages, the cheapest first, and says what the user has', () => {
    const html = render(h(kit.PricingTable, { onChoose: () => undefined, headingLevel: 2 }));
    expect([...html.matchAll(/data-package="(\w+)"/g)].map(([, id]) => id)).toEqual(['free', 'pro']);
    expect(html).toContain('<h2 data-part="name">Free</h2><p data-part="price">Free</p>');
    expect(html).toContain('$9.00 per month');
    expect(html).toContain('<p data-part="status">Your plan. On trial until Feb 1, 2026</p>');
    expect(html).toContain('>Choose Free</button>');
    expect(html).not.toContain('Choose Pro');
  });

  test('shows those that are named, in that order', () => {
    const html = render(h(kit.PricingTable, { packageIds: ['more', 'free', 'gone'] }));
    expect([...html.matchAll(/data-package="(\w+)"/g)].map(([, id]) => id)).toEqual(['more', 'free']);
    expect(html).not.toContain('<button');
  });
});

test('without a provider, it says what is missing', () => {
  expect(() => renderToString(h(kit.Gate, { feature: 'calls' }))).toThrow('<KanaProvider>');
});

test('what was made elsewhere can be given to the provider', () => {
  const kana = createKana({ userToken: 'none', initialUser });
  expect(render(h(kit.Gate, { feature: 'calls' }, 'open'), { kana })).toBe('open');
});
