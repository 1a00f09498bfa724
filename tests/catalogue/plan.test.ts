import { describe, expect, it } from '@jest/globals';
import { DesiredCatalogue } from '../../src/catalogue/file/rules.ts';
import { fileOf } from '../../src/catalogue/file/writing-rules.ts';
import { lineOf } from '../../src/catalogue/plan/finding-rules.ts';
import { plan } from '../../src/catalogue/plan/rules.ts';
import type {
  Catalogue,
  CatalogueFeature,
  CataloguePackage,
  PackageFeature,
} from '../../src/catalogue/rules.ts';

const feature = (id: string, rest: Partial<CatalogueFeature> = {}): CatalogueFeature => ({
  id,
  name: id,
  type: 'CONSUMABLE',
  unitLabel: null,
  unitLabelPlural: null,
  precision: 0,
  metadata: {},
  ...rest,
});
const grant = (featureId: string, rest: Partial<PackageFeature> = {}): PackageFeature => ({
  featureId,
  name: featureId,
  limit: 10,
  resetPeriod: null,
  resetEvery: 1,
  timeZone: null,
  overageEnabled: false,
  alertAt: [],
  alertAtAmount: [],
  alertOnReset: false,
  ...rest,
});
const plans = (id: string, rest: Partial<CataloguePackage> = {}): CataloguePackage => ({
  id,
  name: id,
  isAddon: false,
  status: 'PUBLISHED',
  version: 1,
  draft: null,
  metadata: {},
  features: [grant('calls')],
  bases: [],
  prices: [],
  ...rest,
});
const addon = (id: string, rest: Partial<CataloguePackage> = {}) => plans(id, { isAddon: true, ...rest });

const calls = feature('calls');
const sso = feature('sso', { type: 'BINARY' });
const price = { id: 'price_1', provider: 'STRIPE', amount: 500, currency: 'gbp', interval: 'month' };

const catalogue = (packages: CataloguePackage[] = [], features = [calls, sso]): Catalogue => ({
  features,
  packages,
  timeZone: 'UTC',
});

/** What the server holds, and the file that was pulled from it and edited. */
function compare(stored: Catalogue, desired: Catalogue) {
  return plan(DesiredCatalogue.parse(fileOf(desired, 'app')), stored);
}
const linesOf = (stored: Catalogue, desired: Catalogue) => compare(stored, desired).map(lineOf);

/** A file as people write it. */
const linesOfFile = (stored: Catalogue, file: unknown) =>
  plan(DesiredCatalogue.parse(file), stored).map(lineOf);

describe('a feature', () => {
  it.each<[string, CatalogueFeature[], CatalogueFeature[], string[]]>([
    ['that is the same', [calls], [calls], []],
    ['that is new', [], [sso], ['New BINARY feature "sso".']],
    [
      'that is new, and of whose id nothing can be seen',
      [],
      [feature('\u200b', { name: 'Hidden' })],
      ['[ERROR] The id of the new feature "Hidden" must hold a visible character.'],
    ],
    ['that has such an id already', [feature('\u200b')], [feature('\u200b')], []],
    [
      'whose name, labels and metadata differ',
      [calls],
      [
        feature('calls', {
          name: 'Calls',
          unitLabel: 'call',
          unitLabelPlural: 'calls',
          metadata: { a: 1 },
        }),
      ],
      [
        'Feature "calls": name "calls" becomes "Calls"; unit label none becomes "call"; plural unit label none becomes "calls"; metadata changes.',
      ],
    ],
    [
      'whose type differs',
      [calls],
      [feature('calls', { type: 'BINARY' })],
      [
        `[ERROR] Feature "calls" is CONSUMABLE, and a feature's type never changes: create a BINARY feature with another id.`,
      ],
    ],
    [
      'that is BINARY and has a label',
      [],
      [feature('sso', { type: 'BINARY', unitLabelPlural: 'logins' })],
      ['[ERROR] Feature "sso" is BINARY: only a CONSUMABLE feature has unit labels.'],
    ],
    [
      'that the file leaves out',
      [calls],
      [],
      ['[WARNING] Feature "calls" is not in the file. It is kept: features are never deleted.'],
    ],
  ])('%s', (_, stored, desired, lines) => {
    expect(linesOf(catalogue([], stored), catalogue([], desired))).toEqual(lines);
  });
});

describe('a package', () => {
  const pro = plans('pro');
  const { features, bases, prices } = pro;
  const contents = { features, bases, prices };
  const draft = plans('pro', { status: 'DRAFT' });
  const archived = plans('pro', { status: 'ARCHIVED' });
  const nextVersion = (what: string) => `Will publish version 2 of package "pro": ${what}.`;

  it.each<[string, CataloguePackage[], CataloguePackage[], string[]]>([
    ['that is the same', [pro], [pro], []],
    [
      'that is new, and of whose id nothing can be seen',
      [],
      [{ ...pro, id: '\u200b', name: 'Hidden' }],
      ['[ERROR] The id of the new package "Hidden" must hold a visible character.'],
    ],
    ['that is new and published', [], [pro], ['New published package "pro".']],
    ['that is new and a draft', [], [draft], ['New draft package "pro".']],
    ['that is new, a draft, and empty', [], [{ ...draft, features: [] }], ['New draft package "pro".']],
    [
      'that is to be published and empty',
      [draft],
      [{ ...pro, features: [] }],
      ['[ERROR] Package "pro" cannot be published without a feature.'],
    ],
    [
      'that is a draft and changes in every way',
      [{ ...draft, features: [grant('calls')], prices: [price] }],
      [
        {
          ...draft,
          name: 'Pro',
          metadata: { tier: 2 },
          features: [
            grant('calls', { limit: null, resetPeriod: 'MONTH', overageEnabled: true, name: 'API' }),
            grant('sso', { limit: null }),
          ],
          prices: [{ ...price, id: 'price_2' }],
        },
      ],
      [
        'Draft package "pro": name "pro" becomes "Pro"; name of "calls" "calls" becomes "API"; limit of "calls" 10 becomes unlimited; reset period of "calls" never becomes "MONTH"; overage of "calls" is enabled; feature "sso" is added; price "price_1" is removed; price "price_2" is added; metadata changes.',
      ],
    ],
    [
      'that is a draft and loses a feature',
      [{ ...draft, features: [grant('calls'), grant('sso', { limit: null })] }],
      [draft],
      ['Draft package "pro": feature "sso" is removed.'],
    ],
    [
      'that is a draft and to be published',
      [draft],
      [pro],
      ['Draft package "pro": is published permanently.'],
    ],
    [
      'that is a draft, changes, and is to be published',
      [draft],
      [{ ...pro, features: [grant('calls', { limit: 20 })] }],
      ['Draft package "pro": limit of "calls" 10 becomes 20; is published permanently.'],
    ],
    [
      'that is a draft and becomes an add-on of a package',
      [draft, plans('base')],
      [addon('pro', { status: 'DRAFT', bases: ['base'] }), plans('base')],
      ['Draft package "pro": becomes an add-on; base packages all become "base".'],
    ],
    [
      'that is published and whose content differs',
      [pro],
      [{ ...pro, name: 'Pro', features: [grant('calls', { limit: 20, overageEnabled: true })] }],
      [
        nextVersion(
          'limit of "calls" 10 becomes 20; overage of "calls" is enabled; name "pro" becomes "Pro"',
        ),
      ],
    ],
    [
      'that is published and whose features have another order',
      [{ ...pro, features: [grant('calls'), grant('sso', { limit: null })] }],
      [{ ...pro, features: [grant('sso', { limit: null }), grant('calls')] }],
      [],
    ],
    [
      'that is published and whose price and metadata differ',
      [{ ...pro, prices: [price] }],
      [{ ...pro, prices: [{ ...price, amount: 700 }], metadata: { tier: 2 } }],
      ['Published package "pro": price "price_1" changes; metadata changes.'],
    ],
    [
      'that is published and whose content and price differ',
      [pro],
      [{ ...pro, prices: [price], features: [grant('calls', { limit: 20 })] }],
      [nextVersion('limit of "calls" 10 becomes 20; price "price_1" is added')],
    ],
    [
      'that is published and whose name differs',
      [pro],
      [{ ...pro, name: 'Pro' }],
      ['Published package "pro": name "pro" becomes "Pro".'],
    ],
    [
      'whose next version is a draft in the file',
      [pro],
      [{ ...pro, draft: { ...contents, features: [grant('calls', { limit: 20 })] } }],
      ['New draft of version 2 of package "pro": limit of "calls" 10 becomes 20.'],
    ],
    [
      'whose draft of the next version changes',
      [{ ...pro, version: 3, draft: contents }],
      [{ ...pro, draft: { ...contents, features: [grant('calls', { limit: 20 })] } }],
      ['The draft of version 4 of package "pro": limit of "calls" 10 becomes 20.'],
    ],
    [
      'whose draft of the next version is the same',
      [{ ...pro, draft: contents }],
      [{ ...pro, draft: contents }],
      [],
    ],
    [
      'whose draft of the next version is not in the file',
      [{ ...pro, draft: contents }],
      [pro],
      [
        '[WARNING] The draft of version 2 of package "pro" is not in the file. It is kept. To discard it, delete it (deleteDraftPackage).',
      ],
    ],
    [
      'whose draft of the next version is published',
      [{ ...pro, version: 3, draft: { ...contents, features: [grant('calls', { limit: 20 })] } }],
      [{ ...pro, features: [grant('calls', { limit: 20 })] }],
      ['Will publish version 4 of package "pro": limit of "calls" 10 becomes 20.'],
    ],
    [
      'that is published and a draft in the file',
      [pro],
      [draft],
      [
        '[ERROR] Published package "pro" cannot become a draft again: it stays published. To prepare its next version, list it as published too.',
      ],
    ],
    [
      'that is published and an add-on in the file',
      [pro],
      [addon('pro')],
      ['[ERROR] Published package "pro" stays a base package: create a new package with another id.'],
    ],
    [
      'that is archived and in the file',
      [archived],
      [pro],
      ['[ERROR] Package "pro" is archived permanently: choose another id.'],
    ],
    ['that is archived and not in the file', [archived], [], []],
    [
      'that is published and not in the file',
      [pro],
      [],
      [
        '[ERROR] Package "pro" is published and not in the file. It is kept for its subscribers. To stop new subscriptions, archive it (archivePackage).',
      ],
    ],
    [
      'that is a draft and not in the file',
      [draft],
      [],
      ['[WARNING] Draft "pro" is not in the file. It is kept. To discard it, archive it (archivePackage).'],
    ],
    [
      'that contains what is nowhere',
      [],
      [{ ...pro, features: [grant('none', { limit: null })] }],
      ['[ERROR] Package "pro" contains the feature "none", which is neither in the file nor on the server.'],
    ],
  ])('%s', (_, stored, desired, lines) => {
    expect(linesOf(catalogue(stored), catalogue(desired))).toEqual(lines);
  });
});

describe('an add-on', () => {
  const base = plans('base');
  const seats = addon('seats', { bases: ['base'] });

  it.each<[string, CataloguePackage[], CataloguePackage[], string[]]>([
    ['that is the same', [base, seats], [base, seats], []],
    [
      'that is new, with a new base',
      [],
      [base, seats],
      ['New published package "base".', 'New published add-on "seats".'],
    ],
    [
      'whose base cannot be made either',
      [],
      [{ ...base, features: [] }, seats],
      [
        '[ERROR] Package "base" cannot be published without a feature.',
        '[ERROR] Package "seats" has "base" as its base package, which is not a base package.',
      ],
    ],
    [
      'whose base is an add-on',
      [addon('other')],
      [addon('other'), addon('seats', { bases: ['other'] })],
      ['[ERROR] Package "seats" has "other" as its base package, which is not a base package.'],
    ],
    [
      'whose base is itself',
      [],
      [addon('seats', { bases: ['seats'] })],
      ['[ERROR] Package "seats" has "seats" as its base package, which is not a base package.'],
    ],
    [
      'whose base was archived',
      [plans('base', { status: 'ARCHIVED' }), seats],
      [plans('base', { status: 'ARCHIVED' }), seats],
      [],
    ],
    [
      'that is published and whose bases differ',
      [base, seats],
      [base, addon('seats')],
      ['Will publish version 2 of add-on "seats": base packages "base" become all.'],
    ],
    [
      'that is a draft and becomes a base package',
      [base, addon('seats', { status: 'DRAFT', bases: ['base'] })],
      [base, plans('seats', { status: 'DRAFT' })],
      ['Draft add-on "seats": becomes a base package.'],
    ],
    [
      'that becomes the base of another at once',
      [addon('seats', { status: 'DRAFT' }), addon('more', { status: 'DRAFT' })],
      [plans('seats', { status: 'DRAFT' }), addon('more', { status: 'DRAFT', bases: ['seats'] })],
      [
        'Draft add-on "seats": becomes a base package.',
        'Draft add-on "more": base packages all become "seats".',
      ],
    ],
  ])('%s', (_, stored, desired, lines) => {
    expect(linesOf(catalogue(stored), catalogue(desired))).toEqual(lines);
  });

  it('keeps its base from becoming an add-on', () => {
    const stored = catalogue([plans('base', { status: 'DRAFT' }), addon('seats', { bases: ['base'] })]);
    const desired = catalogue([addon('base', { status: 'DRAFT' }), addon('seats', { bases: ['base'] })]);
    expect(linesOf(stored, desired)).toEqual([
      '[ERROR] Package "base" cannot become an add-on: it is the base package of an add-on.',
    ]);
  });

  it('lets its base go if the same file takes it away', () => {
    const draft = { status: 'DRAFT' as const };
    const stored = catalogue([
      plans('base', draft),
      plans('other'),
      addon('seats', { ...draft, bases: ['base'] }),
    ]);
    const desired = catalogue([
      plans('other'),
      addon('base', draft),
      addon('seats', { ...draft, bases: ['other'] }),
    ]);
    expect(linesOf(stored, desired)).toEqual([
      'Draft package "base": becomes an add-on.',
      'Draft add-on "seats": base packages "base" become "other".',
    ]);
  });
});

describe('what a file does not say', () => {
  const stored = catalogue(
    [
      plans('pro', {
        status: 'DRAFT',
        prices: [price],
        metadata: { tier: 1 },
        features: [grant('calls', { name: 'API' })],
      }),
      addon('seats', { bases: ['pro'] }),
    ],
    [feature('calls', { unitLabel: 'call', metadata: { a: 1 } })],
  );
  const features = [{ id: 'calls', name: 'calls', type: 'CONSUMABLE' }];
  const pro = { id: 'pro', name: 'pro', features: [{ id: 'calls', limit: 10 }] };

  it('stays: labels, metadata, prices, names in packages, and all add-ons', () => {
    const file = { version: '1.0.0', features, packages: { draft: [pro], published: null } };
    expect(linesOfFile(stored, file)).toEqual([]);
  });

  it('is told of add-ons once the file speaks of any', () => {
    const file = { features, packages: { draft: [pro] }, addons: { draft: [] } };
    expect(linesOfFile(stored, file)).toEqual([
      expect.stringMatching(/^\[ERROR\] Package "seats" is published and not in the file\./),
    ]);
  });

  it('is not what it says with null or an empty list', () => {
    const file = {
      features: [{ ...features[0], unit_label: null, metadata: null }],
      packages: { draft: [{ ...pro, prices: [], metadata: {} }] },
      addons: { published: [{ id: 'seats', name: 'seats', features: pro.features, base_packages: null }] },
    };
    expect(linesOfFile(stored, file)).toEqual([
      'Feature "calls": unit label "call" becomes none; metadata changes.',
      'Draft package "pro": price "price_1" is removed; metadata changes.',
      'Will publish version 2 of add-on "seats": base packages "pro" become all.',
    ]);
  });

  it('may not be the limit of a CONSUMABLE, and must be that of a BINARY', () => {
    const desired = (grants: object[]) => ({
      features: [...features, { id: 'sso', name: 'sso', type: 'BINARY' }],
      packages: { published: [{ id: 'new', name: 'new', features: grants }] },
      addons: {},
    });
    const linesOfGrants = (...grants: object[]) =>
      linesOfFile(catalogue(), desired(grants)).filter((line) => line.startsWith('[ERROR]'));
    expect(linesOfGrants({ id: 'calls' })).toEqual([
      '[ERROR] Package "new" contains the feature "calls", which is CONSUMABLE and needs a limit, or null for unlimited.',
    ]);
    const binary =
      '[ERROR] Package "new" contains the feature "sso", which is BINARY and has no limit, overage or reset period.';
    for (const more of [{ limit: 0 }, { overage_enabled: true }, { reset_period: 'DAY' }])
      expect(linesOfGrants({ id: 'sso', ...more })).toEqual([binary]);
    expect(linesOfGrants({ id: 'sso', limit: null, overage_enabled: false, reset_period: null })).toEqual([]);
  });
});

describe('the steps of a plan', () => {
  it('make features first, then base packages, then add-ons', () => {
    const desired = catalogue([addon('seats', { bases: ['pro'] }), plans('pro')]);
    const kinds = compare(catalogue([], []), desired).map(({ step }) => step);
    expect(kinds).toEqual([
      { kind: 'createFeature', feature: calls },
      { kind: 'createFeature', feature: sso },
      { kind: 'createPackage', package: plans('pro') },
      { kind: 'createPackage', package: addon('seats', { bases: ['pro'] }) },
    ]);
  });

  it('leave the content of a published package alone', () => {
    const stored = catalogue([plans('pro')]);
    const desired = catalogue([plans('pro', { name: 'Pro', features: [], prices: [price] })]);
    const steps = compare(stored, desired).flatMap(({ step }) => step ?? []);
    expect(steps).toEqual([]);
    const repriced = catalogue([plans('pro', { name: 'Pro', prices: [price] })]);
    expect(compare(stored, repriced).flatMap(({ step }) => step ?? [])).toEqual([
      { kind: 'changePricesAndMetadata', package: plans('pro', { name: 'Pro', prices: [price] }) },
    ]);
  });

  it('give a feature that joins the name that it has by then', () => {
    const stored = catalogue([plans('pro', { status: 'DRAFT', features: [grant('calls')] })]);
    const file = {
      features: [
        { id: 'calls', name: 'API calls', type: 'CONSUMABLE' },
        { id: 'sso', name: 'Single sign-on', type: 'BINARY' },
      ],
      packages: {
        draft: [{ id: 'pro', name: 'pro', features: [{ id: 'calls', limit: 10 }, { id: 'sso' }] }],
      },
    };
    const [, , last] = plan(DesiredCatalogue.parse(file), stored);
    expect(last?.step).toEqual({
      kind: 'changeDraft',
      package: plans('pro', {
        status: 'DRAFT',
        features: [grant('calls'), grant('sso', { name: 'Single sign-on', limit: null })],
      }),
    });
  });
});
