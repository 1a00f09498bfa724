import { describe, expect, it } from '@jest/globals';
import { buildSchema, type FieldNode, Kind, parse } from 'graphql';
import { fieldsOfItem, fieldsOfText } from '../../../src/graphql/limits/answer-rules.ts';

const schema = buildSchema(`
  type Query { plans: [Plan!]! names: [String!]! }
  type Plan { id: String price: Price parts: [Part!]! }
  type Price { amount: Int currency: Currency }
  type Currency { code: String plans: [Plan!] }
  type Part { id: String plan: Plan }
`);

function fieldsOf(text: string): number {
  const document = parse(text);
  const fragments = Object.fromEntries(
    document.definitions.flatMap((each) =>
      each.kind === Kind.FRAGMENT_DEFINITION ? [[each.name.value, each]] : [],
    ),
  );
  const [operation] = document.definitions;
  const nodes = operation?.kind === Kind.OPERATION_DEFINITION ? operation.selectionSet.selections : [];
  const fieldNodes = nodes.filter((node): node is FieldNode => node.kind === Kind.FIELD);
  const field = schema.getQueryType()?.getFields()[fieldNodes[0]?.name.value ?? ''];
  if (field === undefined) throw new Error(`${text} begins with no field`);
  return fieldsOfItem({ schema, fieldNodes, fragments, returnType: field.type });
}

describe('an item of a list brings', () => {
  it.each([
    ['its own fields', '{ plans { id id2: id } }', 2],
    ['those of objects in it', '{ plans { id price { amount currency { code } } } }', 5],
    ['of a list in it the list alone', '{ plans { id parts { id plan { id } } } }', 2],
    ['of a list in an object in it the list alone', '{ plans { price { currency { plans { id } } } } }', 3],
    ['its name of type', '{ plans { __typename } }', 1],
    ['what fragments spread', '{ plans { ...P } } fragment P on Plan { id price { amount } }', 3],
    ['what is spread twice, twice', '{ plans { ...P ...P } } fragment P on Plan { id }', 2],
    ['what inline fragments hold', '{ plans { ... on Plan { id } ... { id } } }', 2],
    ['the fields of each selection of one list', '{ plans { id } plans { price { amount } } }', 3],
    ['one field, if it is a plain value', '{ names }', 1],
  ])('%s', (_what, text, count) => {
    expect(fieldsOf(text)).toBe(count);
  });

  it('what fragments spread that double each other, without going through them all', () => {
    const doubling = Array.from(
      { length: 60 },
      (_, i) => `fragment F${i} on Plan { ...F${i + 1} ...F${i + 1} }`,
    );
    const text = `{ plans { ...F0 } } ${doubling.join(' ')} fragment F60 on Plan { id }`;
    expect(fieldsOf(text)).toBe(2 ** 60);
  });
});

it.each([
  ['nothing', null, 0],
  ['an empty object', {}, 0],
  ['a short text', 'x'.repeat(63), 0],
  ['a text of a field more', 'x'.repeat(64), 1],
  ['a long text', 'x'.repeat(6_400), 100],
  ['an object of 64 characters', { key: 'x'.repeat(54) }, 1],
  ['a list within an object', { list: Array.from({ length: 64 }, () => 10) }, 3],
])('%s counts for more fields by its length', (_what, value, fields) => {
  expect(fieldsOfText(value)).toBe(fields);
});
