import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { DesiredCatalogue, problemsOf } from '../../src/catalogue/file/rules.ts';
import { fileOf } from '../../src/catalogue/file/writing-rules.ts';
import { lineOf } from '../../src/catalogue/plan/finding-rules.ts';
import { plan } from '../../src/catalogue/plan/rules.ts';
import type { Catalogue } from '../../src/catalogue/rules.ts';
import { Id, Metadata } from '../../src/input.ts';
import { resetPeriods } from '../../src/packages/reset-rules.ts';
import { seed } from '../fuzz/settings.ts';

const problems = (file: unknown) => {
  const { error } = DesiredCatalogue.safeParse(file);
  return error === undefined ? [] : problemsOf(error);
};
const aPackage = { id: 'pro', name: 'Pro', features: [] };
/** So many ids, the last of which is repeated. */
const ids = (count: number) => Array.from({ length: count }, (_, index) => `${Math.min(index, count - 2)}`);
const price = (id: string) => ({ id, amount: 1, currency: 'gbp' });

describe('a configuration file', () => {
  it.each<[string, unknown, string[]]>([
    ['no object', [], ['must be an object with features, packages and addons']],
    ['nothing in it', {}, []],
    ['empty lists as YAML makes them', { features: null, packages: { draft: null }, addons: null }, []],
    ['everything that the original writes', { app: 'a', version: 1, updated: 'x', project: 'y' }, []],
    ['a key that nobody knows', { feature: [] }, ['Unrecognized key: "feature"']],
    [
      'a feature that is not complete',
      { features: [{ id: 7 }] },
      [
        'features.0.id: must be text; put it in quotes if it looks like a number or another type',
        'features.0.name: must be text; put it in quotes if it looks like a number or another type',
        'features.0.type: must be CONSUMABLE or BINARY',
      ],
    ],
    [
      'a feature twice',
      { features: ['a', 'b', 'a'].map((id) => ({ id, name: id, type: 'BINARY' })) },
      ['features.2: is repeated'],
    ],
    [
      'a package twice, in two lists',
      { packages: { draft: [aPackage] }, addons: { published: [aPackage] } },
      ['the package id "pro" appears twice'],
    ],
    [
      'base packages of a base package',
      { packages: { draft: [{ ...aPackage, base_packages: ['x'] }] } },
      ['packages.draft.0.base_packages: only an add-on has base packages'],
    ],
    [
      'limits that are none',
      {
        packages: {
          published: [
            {
              ...aPackage,
              features: [
                { id: 'a', limit: -1 },
                { id: 'b', limit: 0.0000001 },
                { id: 'c', limit: '10' },
                { id: 'd', limit: 1e16 },
                { id: 'a', reset_period: 'FORTNIGHT', overage_enabled: 'yes', limmit: 3 },
              ],
            },
          ],
        },
      },
      [
        'packages.published.0.features.0.limit: must be 0 or more',
        'packages.published.0.features.1.limit: must have at most 6 digits after the decimal point',
        'packages.published.0.features.2.limit: must be a number',
        'packages.published.0.features.3.limit: must be at most 1,000,000,000,000,000',
        'packages.published.0.features.4.overage_enabled: must be true or false',
        'packages.published.0.features.4.reset_period: must be one of YEAR, QUARTER, MONTH, WEEK, DAY, HOUR',
        'packages.published.0.features.4: Unrecognized key: "limmit"',
      ],
    ],
    [
      'a price that is none',
      { packages: { draft: [{ ...aPackage, prices: [{ id: 'p', amount: -1, currency: 'pounds' }] }] } },
      [
        'packages.draft.0.prices.0.amount: must be 0 or more',
        'packages.draft.0.prices.0.currency: must be an ISO 4217 code of three letters, such as "gbp"',
      ],
    ],
    [
      'too many features',
      { features: ids(10_001).map((id) => ({ id, name: id, type: 'BINARY' })) },
      ['features: must have at most 10000 entries'],
    ],
    [
      'too many packages',
      { packages: { draft: ids(10_001).map((id) => ({ ...aPackage, id })) } },
      ['packages.draft: must have at most 10000 entries'],
    ],
    [
      'a package of too many features and prices',
      {
        packages: {
          draft: [{ ...aPackage, features: ids(1_001).map((id) => ({ id })), prices: ids(1_001).map(price) }],
        },
      },
      [
        'packages.draft.0.features: must have at most 1000 entries',
        'packages.draft.0.prices: must have at most 1000 entries',
      ],
    ],
    [
      'an add-on of too many base packages',
      { addons: { draft: [{ ...aPackage, base_packages: ids(1_001) }] } },
      ['addons.draft.0.base_packages: must have at most 1000 entries'],
    ],
  ])('with %s', (_, file, expected) => {
    expect(problems(file)).toEqual(expected);
  });

  it('may have as many base packages as an add-on can', () => {
    const full = ids(1_001).slice(0, 1_000);
    expect(problems({ addons: { draft: [{ ...aPackage, base_packages: full }] } })).toEqual([]);
  });

  it('is what docs/guides/configuration-files.md shows, and can be published as it stands', () => {
    const [, example = ''] =
      /```yaml\n(.*?)```/s.exec(readFileSync('docs/guides/configuration-files.md', 'utf8')) ?? [];
    const lines = plan(DesiredCatalogue.parse(parse(example)), {
      features: [],
      packages: [],
      timeZone: 'UTC',
    }).map(lineOf);
    expect(lines).toEqual([
      'New BINARY feature "sso".',
      'New CONSUMABLE feature "api-calls".',
      'New published package "pro".',
      'New draft package "enterprise".',
      'New published add-on "extra-calls".',
    ]);
  });

  it('tells at most twenty problems at once', () => {
    expect(problems({ features: Array.from({ length: 30 }, () => 1) })).toHaveLength(20);
  });
});

describe('a catalogue as a file', () => {
  it('is what the original writes, and more only where it matters', () => {
    const facts = { unitLabel: null, unitLabelPlural: null, precision: 0, metadata: {} };
    const resets = { resetPeriod: null, resetEvery: 1, timeZone: null };
    const alerts = { alertAt: [], alertAtAmount: [], alertOnReset: false };
    const grant = { ...resets, overageEnabled: false, ...alerts };
    const file = fileOf(
      {
        features: [
          { id: 'sso', name: 'SSO', type: 'BINARY', ...facts },
          { id: 'calls', name: 'Calls', type: 'CONSUMABLE', ...facts, unitLabel: 'call' },
        ],
        packages: [
          {
            id: 'pro',
            name: 'Pro',
            isAddon: false,
            status: 'PUBLISHED',
            version: 1,
            draft: null,
            metadata: {},
            features: [
              { featureId: 'sso', name: 'SSO', limit: null, ...grant },
              {
                featureId: 'calls',
                name: 'API',
                limit: null,
                ...grant,
                resetPeriod: 'DAY',
                overageEnabled: true,
              },
            ],
            bases: [],
            prices: [],
          },
          {
            id: 'old',
            name: 'Old',
            isAddon: false,
            status: 'ARCHIVED',
            version: 1,
            draft: null,
            metadata: {},
            features: [],
            bases: [],
            prices: [],
          },
          {
            id: 'more',
            name: 'More',
            isAddon: true,
            status: 'DRAFT',
            version: 1,
            draft: null,
            metadata: { tier: 1 },
            features: [{ featureId: 'calls', name: 'Calls', limit: 5, ...grant }],
            bases: ['pro', 'old'],
            prices: [{ id: 'p', provider: 'STRIPE', amount: 1, currency: 'gbp', interval: null }],
          },
        ],
        timeZone: 'UTC',
      },
      'test_abc',
    );
    expect(file).toEqual({
      app: 'test_abc',
      version: '1.0.0',
      features: [
        { id: 'sso', name: 'SSO', type: 'BINARY' },
        { id: 'calls', name: 'Calls', type: 'CONSUMABLE', unit_label: 'call' },
      ],
      packages: {
        draft: [],
        published: [
          {
            id: 'pro',
            name: 'Pro',
            features: [
              { id: 'sso' },
              { id: 'calls', name: 'API', limit: null, overage_enabled: true, reset_period: 'DAY' },
            ],
          },
        ],
      },
      addons: {
        draft: [
          {
            id: 'more',
            name: 'More',
            features: [{ id: 'calls', limit: 5 }],
            prices: [{ id: 'p', provider: 'STRIPE', amount: 1, currency: 'gbp', interval: null }],
            metadata: { tier: 1 },
            base_packages: ['pro', 'old'],
          },
        ],
        published: [],
      },
    });
  });

  const text = fc.string({ minLength: 1, maxLength: 8 }).filter((each) => Id.safeParse(each).success);
  const ids = (options: fc.UniqueArrayConstraints<string, string>) => fc.uniqueArray(text, options);
  const metadata = fc.option(
    fc
      .dictionary(text, fc.jsonValue(), { maxKeys: 2 })
      .filter((each) => Metadata.safeParse(JSON.parse(JSON.stringify(each))).success),
  );
  const price = fc.record({
    id: text,
    provider: text,
    amount: fc.nat(),
    currency: fc.constantFrom('gbp', 'usd'),
    interval: fc.option(text),
  });

  const featureCalled = (id: string) =>
    fc.record({
      id: fc.constant(id),
      name: text,
      type: fc.constant('CONSUMABLE' as const),
      unitLabel: fc.option(text),
      unitLabelPlural: fc.option(text),
      precision: fc.constantFrom(3, 6),
      metadata,
    });
  const alertAt = fc
    .uniqueArray(fc.integer({ min: 1, max: 1_000 }), { maxLength: 10 })
    .map((percents) => percents.sort((a, b) => a - b));
  const alertAtAmount = fc
    .uniqueArray(fc.integer({ min: 1, max: 1e6 }), { maxLength: 10 })
    .map((thousandths) => thousandths.sort((a, b) => a - b).map((each) => each / 1_000));
  const grantOf = (featureId: string) =>
    fc
      .record({
        featureId: fc.constant(featureId),
        name: text,
        limit: fc.option(fc.nat().map((thousandths) => thousandths / 1_000)),
        resets: fc.option(
          fc.record({
            resetPeriod: fc.constantFrom(...resetPeriods),
            resetEvery: fc.integer({ min: 1, max: 3 }),
            timeZone: fc.constantFrom(null, 'Europe/Berlin', 'UTC'),
          }),
        ),
        overageEnabled: fc.boolean(),
        alertAt,
        alertAtAmount,
        alertOnReset: fc.boolean(),
      })
      .map(({ resets, ...rest }) => ({
        ...rest,
        alertOnReset: rest.alertOnReset && resets !== null,
        alertAt: rest.limit === null ? [] : rest.alertAt,
        ...(resets ?? { resetPeriod: null, resetEvery: 1, timeZone: null }),
      }));
  /** The first package is a base, and the others are add-ons to it, or to all. */
  const packageCalled = (id: string, [base]: string[], featureIds: string[]) => {
    const contents = {
      features: fc.subarray(featureIds, { minLength: 1 }).chain((chosen) => fc.tuple(...chosen.map(grantOf))),
      bases: fc.subarray(base === undefined || base === id ? [] : [base]),
      prices: fc.uniqueArray(price, { maxLength: 2, selector: (each) => each.id }),
    };
    return fc
      .record({
        id: fc.constant(id),
        name: text,
        isAddon: fc.constant(id !== base),
        status: fc.constantFrom('DRAFT' as const, 'PUBLISHED' as const),
        version: fc.constant(1),
        metadata,
        ...contents,
        draft: fc.option(fc.record(contents)),
      })
      .map((each) => (each.status === 'DRAFT' ? { ...each, draft: null } : each));
  };
  const catalogues = fc
    .tuple(ids({ minLength: 1, maxLength: 4 }), ids({ maxLength: 4 }))
    .chain(([featureIds, packageIds]) =>
      fc.record({
        features: fc.tuple(...featureIds.map(featureCalled)),
        packages: fc.tuple(...packageIds.map((id) => packageCalled(id, packageIds, featureIds))),
        timeZone: fc.constant('UTC'),
      }),
    )
    .map((catalogue): Catalogue => JSON.parse(JSON.stringify(catalogue))); // Objects like any other.

  it('says everything: read back it desired for nothing, and in an empty place for all of it', () => {
    fc.assert(
      fc.property(catalogues, (catalogue) => {
        const file = parse(stringify(fileOf(catalogue, 'app')));
        const desired = DesiredCatalogue.parse(file);
        expect(plan(desired, catalogue)).toEqual([]);

        const made = plan(desired, { features: [], packages: [], timeZone: 'UTC' }).flatMap(
          ({ step }) => step ?? [],
        );
        const features = made.flatMap((step) => ('feature' in step ? step.feature : []));
        // The last step of each package: the draft of its next version comes after it.
        const last = new Map(
          made.flatMap((step) => ('package' in step ? [[step.package.id, step.package]] : [])),
        );
        const packages = last.values();
        expect(new Set(features)).toEqual(new Set(catalogue.features));
        expect(new Set(packages)).toEqual(new Set(catalogue.packages));
      }),
      { seed, numRuns: Number(process.env.RUNS ?? 100) },
    );
  });
});
