import { describe, expect, it } from '@jest/globals';
import { readYaml, sentenceOf, writeYaml } from '../../src/catalogue/file/yaml-rules.ts';

/** What is wrong with a file, one sentence a problem. */
function problemsOf(text: string): string[] {
  const read = readYaml(text);
  return 'problems' in read ? read.problems.map(sentenceOf) : [];
}

describe('a file that is no catalogue is told line by line', () => {
  it.each<[string, string, string[]]>([
    ['nothing in it', '', []],
    ['only comments', '# later\n', []],
    ['no YAML', 'features:\n  - id: "a\n', ['line 3: Missing closing "quote']],
    ['no object', '- a\n', ['must be an object with features, packages and addons']],
    [
      'a key that nobody knows',
      'features: []\npackages:\n  drafts: []\n',
      ['line 3, packages: Unrecognized key: "drafts"'],
    ],
    ['a key twice', 'features: []\nfeatures: []\n', ['line 2: the key "features" appears twice']],
    [
      'fields of the wrong kind, in the order of their lines',
      'features:\n  - id: 7\n    name: Seven\n    type: COUNTED\n',
      [
        'line 2, features.0.id: must be text; put it in quotes if it looks like a number or another type',
        'line 4, features.0.type: must be CONSUMABLE or BINARY',
      ],
    ],
    [
      'a field that is missing, at the entry that lacks it',
      'features:\n  - id: a\n    name: A\n    type: BINARY\n  - id: b\n    type: BINARY\n',
      ['line 5, features.1.name: must be text; put it in quotes if it looks like a number or another type'],
    ],
    [
      'something below an alias',
      'features: []\npackages:\n  draft: &same\n    - id: a\n      name: 5\n      features: []\n  published: *same\n',
      [
        'line 5, packages.draft.0.name: must be text; put it in quotes if it looks like a number or another type',
        'line 5, packages.published.0.name: must be text; put it in quotes if it looks like a number or another type',
      ],
    ],
  ])('%s', (_, text, problems) => expect(problemsOf(text)).toEqual(problems));

  it('a file that is made to blow up', () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
    for (const [name, before] of ['ba', 'cb', 'dc', 'ed'])
      bomb.push(`${name}: &${name} [${Array(10).fill(`*${before}`)}]`);
    expect(problemsOf(bomb.join('\n'))).toEqual([
      'Excessive alias count indicates a resource exhaustion attack',
    ]);
    expect(problemsOf(`features: ${'['.repeat(100_000)}`)).toEqual(['is nested too deeply']);
    const wide = Array.from({ length: 20_000 }, (_, n) => `k${n}: 1`).join('\n');
    expect(problemsOf(wide)).toEqual([expect.stringMatching(/^line 1: Unrecognized keys: /)]);
  });

  const inexact =
    'line 5, features.0.metadata: must hold only numbers that JSON holds exactly: send others as text';
  it.each([
    ['12345678901234567890', [inexact]],
    ['1e400', [inexact]],
    ['.inf', [inexact]],
    ['.nan', [inexact]],
    ['0.12345678901234567890', [inexact]],
    ['0xFFFFFFFFFFFFFFFF', [inexact]],
    ['[{ deep: 9007199254740993 }]', [inexact]],
    ['0xFF', []],
    ['+007', []],
    ['-1.50', []],
    ['.5', []],
    ['1.', []],
    ['1.5e3', []],
    ['"12345678901234567890"', []],
  ])('metadata of %s', (value, problems) => {
    const text = `features:\n  - id: a\n    name: A\n    type: BINARY\n    metadata: { a: ${value} }\n`;
    expect(problemsOf(text)).toEqual(problems);
  });

  it('tells columns too, counted from 1', () => {
    expect(readYaml('features:\n  - { id: 7, name: A, type: BINARY }\n')).toMatchObject({
      problems: [{ line: 2, column: 7, field: 'features.0.id' }],
    });
  });

  it('tells the first twenty problems', () => {
    const features = Array.from({ length: 30 }, (_, n) => `  - { id: f${n}, name: F, type: X }\n`);
    expect(problemsOf(`features:\n${features.join('')}`)).toHaveLength(20);
  });
});

it('what is written reads as the same', () => {
  const file = {
    app: 'test_app',
    version: '1.0.0',
    features: [{ id: '7', name: 'yes: no # "quoted"', type: 'BINARY' as const }],
    packages: { draft: [], published: [{ id: 'pro', name: 'Pro', features: [{ id: '7' }] }] },
    addons: { draft: [], published: [] },
  };
  const text = writeYaml(file, new Date(0));
  expect(text).toContain('# PROJECT: test_app');
  expect(readYaml(text)).toMatchObject({
    desired: {
      features: [{ id: '7', name: 'yes: no # "quoted"', type: 'BINARY' }],
      packages: [{ id: 'pro', status: 'PUBLISHED', isAddon: false }],
      includesAddons: true,
    },
  });
});
