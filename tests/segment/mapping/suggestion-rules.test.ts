import { expect, test } from '@jest/globals';
import { groupByText } from '../../../src/segment/mapping/rules.ts';

test('values that are the same as text are one group, and the largest group comes first', () => {
  const found = [
    { path: 'b', value: 1e-7, count: 2 },
    { path: 'a', value: 5, count: 2 },
    { path: 'a', value: '4', count: 2 },
    { path: 'a', value: '5', count: 1 },
    { path: 'a', value: false, count: 1 },
    { path: 'a', value: null, count: 9 },
    { path: 'a', value: {}, count: 9 },
  ];
  expect(groupByText(found)).toEqual([
    { path: 'a', value: '5', count: 3 },
    { path: 'a', value: '4', count: 2 },
    { path: 'b', value: '1e-7', count: 2 },
    { path: 'a', value: 'false', count: 1 },
  ]);
});
