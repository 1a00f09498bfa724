import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test } from '@jest/globals';

// docs/architecture.md describes the source tree. This holds the source to it, by each file's imports.

/** The layers of files, from those that import nothing of ours up to those that start everything. */
const layers: [layer: number, what: string, RegExp][] = [
  [
    0,
    'configuration, errors, input, amounts',
    /^(config\/.+|(amount|errors|exact-json|input|installation|slices)\.ts$)/,
  ],
  [0, 'telemetry', /^telemetry\//],
  [5, 'composition', /^(app|(graphql|client)\/schema)\.ts$/],
  [6, 'start and commands', /^(main|start\/.+|cli\/.+|graphql\/print)\.ts$/],
  [2, 'the database', /^(database|jobs|embedded-postgres)\//],
  [4, 'GraphQL and HTTP', /^(graphql|http)\/|^client\/(builder|context)\.ts$/],
  [1, 'rules', /\/(.+-)?rules\.ts$/],
  [2, 'stores', /\/(.+-)?store\.ts$/],
  [4, 'GraphQL types and routes', /\/(.+-)?(graphql|route)\.ts$/],
  [3, 'what a concept does', /^[a-z]+\/.+\.ts$/],
];

/** Concepts import only earlier ones. A part of a concept may stand apart from it, further down. */
const concepts = [
  'documents',
  'webhooks/outbox',
  'seals',
  'audit',
  'auth',
  'environments',
  'features',
  'packages',
  'users',
  'subscriptions',
  'entitlements',
  'usage',
  'allowances',
  'subscriptions/change',
  'insights',
  'subscriptions/migration',
  'users/merge',
  'users/import',
  'segment',
  'webhooks',
  'billing',
  'catalogue',
  'client',
  'ofrep',
  'rest',
  'mcp',
  'provisioning',
  'backup',
];

/** These run elsewhere, and import nothing of the rest. */
const separateFolders = ['console'];

interface SourceFile {
  /** From src on, such as `usage/record/store.ts`. */
  path: string;
  text: string;
  /** The paths of our own files that it imports. */
  ours: string[];
  /** The names of the packages that it imports. */
  theirs: string[];
}

const source = new URL('../src/', import.meta.url);
const files: SourceFile[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.tsx?$/.test(path) && !path.includes('generated/'))
  .map((path) => {
    const text = readFileSync(new URL(path, source), 'utf8');
    const imports = [
      ...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '(.+?)'|\bimport\(?\s*'(.+?)'/gm),
    ].map(([, named, bare]) => named ?? bare ?? '');
    const own = imports.filter((name) => name.startsWith('.'));
    return {
      path,
      text,
      ours: own.map((name) => posix.join(posix.dirname(path), name)),
      theirs: imports.filter((name) => !name.startsWith('.')),
    };
  });

const folderOf = (path: string) => path.split('/')[0] ?? '';
const serverFiles = files.filter(({ path }) => !separateFolders.includes(folderOf(path)));
const layerOf = (path: string) => layers.find(([, , pattern]) => pattern.test(path))?.[0];

test('the source and its imports are found', () => {
  const usage = files.find(({ path }) => path === 'usage/record/store.ts');
  expect(usage?.ours).toEqual(expect.arrayContaining(['usage/record/rules.ts', 'entitlements/store.ts']));
  expect(usage?.theirs).toContain('pg');
});

test('every file is in a layer', () => {
  expect(serverFiles.filter(({ path }) => layerOf(path) === undefined).map(({ path }) => path)).toEqual([]);
});

test('a file imports only from its own layer or a lower one', () => {
  const upwards = serverFiles.flatMap(({ path, ours }) =>
    ours
      .filter((imported) => (layerOf(imported) ?? 0) > (layerOf(path) ?? 0))
      .map((imported) => `${path} imports ${imported}`),
  );
  expect(upwards).toEqual([]);
});

test('concepts import only earlier ones', () => {
  const conceptOf = (path: string) => {
    const [concept = '', part] = path.split('/');
    return concepts.includes(`${concept}/${part}`) ? `${concept}/${part}` : concept;
  };
  const placeOf = (path: string) => concepts.indexOf(conceptOf(path));
  const rightwards = serverFiles.flatMap(({ path, ours }) =>
    ours
      .filter((imported) => placeOf(path) >= 0 && placeOf(imported) > placeOf(path))
      .map((imported) => `${path} imports ${imported}`),
  );
  expect(rightwards).toEqual([]);
});

test('every folder is a concept, a layer or a separate folder', () => {
  const known = [
    ...concepts,
    ...separateFolders,
    'cli',
    'database',
    'embedded-postgres',
    'graphql',
    'http',
    'jobs',
    'start',
    'config',
    'telemetry',
  ];
  const folders = new Set(files.filter(({ path }) => path.includes('/')).map(({ path }) => folderOf(path)));
  expect([...folders].filter((folder) => !known.includes(folder))).toEqual([]);
});

test.each(separateFolders)('%s imports nothing of the rest', (folder) => {
  const imports = files
    .filter(({ path }) => folderOf(path) === folder)
    .flatMap(({ path, ours }) =>
      ours
        .filter((imported) => folderOf(imported) !== folder)
        .map((imported) => `${path} imports ${imported}`),
    );
  expect(imports).toEqual([]);
});

describe('rules are pure', () => {
  const rules = serverFiles.filter(({ path }) => layerOf(path) === 1);

  test.each([
    ['do not wait', /\b(async|await|Promise)\b/],
    ['have no clock', /\bnew Date\(\)|\bDate\.now\(|\bDateTime\.(now|utc|local)\(\)/],
    ['roll no dice', /\bMath\.random\(|\brandom(UUID|Bytes|Int)\b/],
    ['see no environment', /\bprocess\./],
  ])('they %s', (_what, pattern) => {
    expect(rules.filter(({ text }) => pattern.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

test('below layer 4, nothing knows GraphQL or HTTP', () => {
  const known = serverFiles.flatMap(({ path, theirs }) =>
    theirs
      .filter(
        (name) => (layerOf(path) ?? 0) < 4 && /^(graphql|graphql-yoga|@pothos\/.*|node:https?)$/.test(name),
      )
      .map((name) => `${path} imports ${name}`),
  );
  expect(known).toEqual([]);
});

test('nothing is filed under a name that says nothing', () => {
  expect(
    files.map(({ path }) => path).filter((path) => /\b(utils?|helpers?|common|shared)\b/.test(path)),
  ).toEqual([]);
});

test('nothing is exported without a name', () => {
  expect(files.filter(({ text }) => /^export default\b/m.test(text)).map(({ path }) => path)).toEqual([]);
});

test('a file is at most 300 lines long', () => {
  const long = serverFiles.filter(({ text }) => text.split('\n').length > 301);
  expect(long.map(({ path }) => path)).toEqual([]);
});
