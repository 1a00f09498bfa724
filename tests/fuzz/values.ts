import fc, { type Arbitrary } from 'fast-check';
import {
  GraphQLBoolean,
  GraphQLFloat,
  type GraphQLInputType,
  GraphQLInt,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';

/** Text that has broken programs before. */
const notorious = [
  ...['', ' ', '\u0000', 'a\u0000b', '\ud800', '\udfff\ud800', '\u202eadmin', 'שלום', '💣'.repeat(200)],
  ...['x'.repeat(255), 'x'.repeat(256), 'x'.repeat(10_000), '\u{10ffff}', '\ufeff', '\u0085', '\r\n', '\t'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'null',
    'undefined',
    'NaN',
    'true',
    '-0',
    '1e999',
  ],
  ...[
    '\'; DROP TABLE "user"; --',
    '"',
    '\\',
    '%',
    '_',
    '$1',
    '{{7*7}}',
    '{{7*7}}',
    '../../etc/passwd',
    '<script>',
  ],
  ...[
    '9223372036854775807',
    '9223372036854775808',
    '-1',
    '0x10',
    '٣',
    '2026-02-30',
    '9999-12-31T23:59:59.999Z',
  ],
  ...[
    '0000-00-00',
    '+275760-09-13T00:00:00Z',
    'P1Y',
    '{"a":1}',
    '[]',
    'a,b\n"c',
    "' & | ! :*",
    '\\u0000',
    'a@b@c',
  ],
];

const numbers = [
  0,
  1,
  -1,
  2,
  1.5,
  -0,
  1e9,
  2_147_483_647,
  2_147_483_648,
  -2_147_483_648,
  2 ** 53,
  -(2 ** 63),
  1e308,
];

/** `known` are texts that mean something to the server, such as ids. */
export function text(known: readonly string[]): Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...known) },
    { weight: 3, arbitrary: fc.constantFrom(...notorious) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
    {
      weight: 1,
      arbitrary: fc.string({
        unit: fc.constantFrom('\u0000', '\ud83d', 'a', '"', '\\', '\n'),
        maxLength: 20,
      }),
    },
    { weight: 1, arbitrary: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()) },
  );
}

const integer = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 3, arbitrary: fc.constantFrom(...numbers) },
  { weight: 2, arbitrary: fc.integer() },
  { weight: 1, arbitrary: fc.double({ noNaN: true }) },
);

/** An object with keys that mean something to JavaScript, which no object literal can have. */
const treacherous = fc.constantFrom(
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"a":{"__proto__":null}}',
  '{"":""}',
  '{"a":"\\u0000"}',
  '{"\\ud800":"\\udc00\\ud800"}',
  '{"big":123456789012345678901234567890,"small":1e-400,"huge":1e400}',
  `${'{"a":'.repeat(150)}1${'}'.repeat(150)}`,
  `${'['.repeat(1_000)}${']'.repeat(1_000)}`,
  `{${Array.from({ length: 2_000 }, (_, index) => `"k${index}":${index}`).join()}}`,
);

/** A JSON value, as text, because some of them cannot be written otherwise. */
function json(known: readonly string[]): Arbitrary<unknown> {
  const parsed = treacherous.map((source) => JSON.parse(source));
  const shallow = fc.dictionary(
    text(known),
    fc.oneof(text(known), integer, fc.boolean(), fc.constant(null)),
    { maxKeys: 5 },
  );
  return fc.oneof(
    { weight: 3, arbitrary: shallow },
    { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
    { weight: 2, arbitrary: parsed },
    { weight: 1, arbitrary: text(known) },
  );
}

/** Something that is of no type in particular. */
function anything(known: readonly string[]): Arbitrary<unknown> {
  return fc.oneof(
    text(known),
    integer,
    fc.boolean(),
    fc.constant(null),
    fc.constant([]),
    fc.constant({}),
    json(known),
  );
}

/** A value that is right but for one part of it, at any depth. */
export function almost(right: object, known: readonly string[]): Arbitrary<unknown> {
  return fc
    .tuple(
      fc.constantFrom(...pathsOf(right)),
      fc.oneof(fc.constantFrom(...notorious), integer, anything(known)),
    )
    .map(([path, part]) => replaced(right, path, part));
}

function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [[]];
  const inner = Object.entries(value).flatMap(([key, item]) => pathsOf(item).map((path) => [key, ...path]));
  return [[], ...inner];
}

function replaced(value: unknown, [key, ...rest]: string[], part: unknown): unknown {
  if (key === undefined) return part;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value)
    ? [...value]
    : { ...(value as object) };
  return Object.assign(copy, { [key]: replaced((value as Record<string, unknown>)[key], rest, part) });
}

/** Values of an input type, most of them of the right form. */
export function ofType(type: GraphQLInputType, known: readonly string[], name = ''): Arbitrary<unknown> {
  const right = rightOfType(getNullableType(type), known, name);
  return fc.oneof(
    { weight: isNonNullType(type) ? 30 : 6, arbitrary: right },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: anything(known) },
  );
}

function rightOfType(type: GraphQLInputType, known: readonly string[], name: string): Arbitrary<unknown> {
  if (isListType(type)) return fc.array(ofType(type.ofType, known, name), { maxLength: 4 });
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map((value) => value.name), 'NONE');
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const model = Object.fromEntries(
      fields.map((field) => [field.name, ofType(field.type, known, field.name)]),
    );
    const requiredKeys = fields.filter((field) => isNonNullType(field.type)).map((field) => field.name);
    return fc.record(model, { requiredKeys });
  }
  if (type === GraphQLBoolean) return fc.boolean();
  if (type === GraphQLInt || type === GraphQLFloat) return integer;
  if (name === 'csv') return csv(known);
  if (name === 'event') return segmentEvent(known);
  return String(type) === 'JSON' ? json(known) : text(known);
}

/** A file of users, with columns in any order, quotes where they may hurt, and rows of any length. */
function csv(known: readonly string[]): Arbitrary<string> {
  const header = fc.subarray(['id', 'email', 'name', 'billingId', 'metadata', 'other'], { minLength: 1 });
  const cell = fc.oneof(
    text(known),
    text(known).map((each) => `"${each.replaceAll('"', '""')}"`),
    fc.constant('{"a":1}'),
  );
  const rows = fc.array(fc.array(cell, { maxLength: 6 }), { maxLength: 5 });
  const end = fc.constantFrom('\n', '\r\n', '\r');
  return fc
    .tuple(fc.constantFrom('', '\ufeff'), header, rows, end)
    .map(([mark, names, cells, newline]) => mark + [names, ...cells].map((row) => row.join()).join(newline));
}

/** An event of Segment, with the parts that the server reads and wrong ones in their places. */
export function segmentEvent(known: readonly string[]): Arbitrary<unknown> {
  const some = (usual: Arbitrary<unknown>) =>
    fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: anything(known) });
  const properties = fc.record(
    {
      featureId: some(text(known)),
      delta: some(fc.oneof(integer, integer.map(String))),
      other: anything(known),
    },
    { requiredKeys: [] },
  );
  const traits = fc.record(
    { email: some(text(known)), name: some(text(known)), billingUserId: some(text(known)) },
    { requiredKeys: [] },
  );
  return fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record(
        {
          type: some(fc.constantFrom('track', 'identify', 'page', 'group')),
          userId: some(text(known)),
          event: some(text(known)),
          messageId: some(text(known)),
          timestamp: some(text(known)),
          properties: some(properties),
          traits: some(traits),
        },
        { requiredKeys: ['type'] },
      ),
    },
    { weight: 1, arbitrary: anything(known) },
  );
}
