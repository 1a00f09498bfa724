import { describe, expect, test } from '@jest/globals';
import { getIntrospectionQuery, parse } from 'graphql';
import { countValidationWork, validationProblem } from '../../../src/graphql/limits/validation-work.ts';

// What it takes to validate an operation is counted, so that no text of some kilobytes takes half a second.

const count = (query: string) => countValidationWork(parse(query));
const repeat = (text: string, times: number) => text.repeat(times);
const listed = (times: number, make: (index: number) => string) =>
  Array.from({ length: times }, (_, index) => make(index)).join(' ');
const usage = (index: number) =>
  `a${index}: recordUsage(input: { userId: "124", featureId: "calls", delta: 1 }) { recorded reason entitlement { access consumption { used budget } } }`;

describe('is refused, by counting little more than is allowed:', () => {
  test.each([
    ['a field 2,000 times', `{ ${repeat('users { id } ', 2_000)} }`],
    ['a field in 2,500 inline fragments', `{ ${repeat('...on Query{users(first:1){id name}} ', 2_500)} }`],
    ['a plain field 2,000 times', `{ users { ${repeat('id ', 2_000)} } }`],
    ['fields within fields again and again', `{ ${repeat('features{packages{features{id}}}', 100)} }`],
    [
      'a chain of 700 fragments',
      `{ ...F0 } ${listed(700, (index) => `fragment F${index} on Query { ...F${index + 1} }`)}`,
    ],
    [
      'fragments with the same fields',
      `{ ${listed(100, (index) => `...F${index}`)} } ${listed(100, (index) => `fragment F${index} on Query { users { id name email } }`)}`,
    ],
    [
      'a long fragment wherever it is spread',
      `{ ${listed(2_000, (index) => `a${index}: users { ...F }`)} } fragment F on User { ${listed(30, (index) => `b${index}: id`)} }`,
    ],
    [
      'fragments that spread two others at each field',
      `{ ...F0 } ${listed(60, (index) => `fragment F${index} on Query { a { ...F${index + 1} } b { ...F${index + 1} } }`)} fragment F60 on Query { c }`,
    ],
    [
      'long arguments that are compared',
      `{ ${repeat(`users(search: "${'x'.repeat(10_000)}") { id } `, 30)} }`,
    ],
  ])('%s', (_what, query) => {
    const { selections, comparisons, excess } = count(query);
    expect(excess).toMatch(/^The operation (has more than|names the same fields)/);
    expect(selections).toBeLessThan(60_000);
    // What one place adds may be large; it is counted by multiplying, not by comparing.
    expect(comparisons).toBeLessThan(20_000_000);
    expect(validationProblem(parse(query))?.message).toBe(excess);
  });
});

describe('passes:', () => {
  test.each([
    ['introspection', getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true })],
    ['a thousand calls by aliases', `mutation { ${listed(1_000, usage)} }`],
    [
      'a thousand usages written out',
      `mutation { recordUsages(input: [${repeat('{userId: "124", featureId: "none", action: ADD, delta: 1, idempotencyKey: "k"}', 1_000)}]) { recorded } }`,
    ],
    [
      'thirty components with fragments of their own',
      `{ ${listed(30, (index) => `...C${index}`)} } ${listed(30, (index) => `fragment C${index} on Query { users { id ...U${index} } } fragment U${index} on User { name email }`)}`,
    ],
    ['a megabyte of text in an argument', `{ importUsers(csv: "${'x'.repeat(1_000_000)}") { rows } }`],
  ])('%s', (_what, query) => {
    expect(count(query).excess).toBeNull();
  });
});
