import { describe, expect, it } from '@jest/globals';
import { type Bucket, fillSpan, readSpan } from '../../../src/usage/rollup/series-rules.ts';

const now = new Date('2024-02-29T12:34:56.789Z');
const at = (text: string | null) => (text === null ? null : new Date(text));
const span = (bucket: Bucket, from: string | null, to: string | null) =>
  readSpan({ bucket, from: at(from), to: at(to) }, now);
const short = (date?: Date) => date?.toISOString().slice(0, 16);

describe('the buckets of a span', () => {
  it.each<[Bucket, string | null, string | null, number, string, string]>([
    // Without bounds they end with the running one.
    ['HOUR', null, null, 24, '2024-02-28T13:00', '2024-02-29T13:00'],
    ['DAY', null, null, 30, '2024-01-31T00:00', '2024-03-01T00:00'],
    ['MONTH', null, null, 12, '2023-03-01T00:00', '2024-03-01T00:00'],
    // They are whole: those that hold the bounds.
    [
      'HOUR',
      '2024-01-01T10:59:59.999Z',
      '2024-01-01T12:00:00.001Z',
      3,
      '2024-01-01T10:00',
      '2024-01-01T13:00',
    ],
    ['DAY', '2024-02-28T23:59Z', '2024-03-01T00:01Z', 3, '2024-02-28T00:00', '2024-03-02T00:00'],
    ['MONTH', '2023-12-31T23:59Z', '2024-02-01T00:00:00.001Z', 3, '2023-12-01T00:00', '2024-03-01T00:00'],
    // A bucket that only begins at the end is none of them.
    ['HOUR', '2024-01-01T10:00Z', '2024-01-01T12:00Z', 2, '2024-01-01T10:00', '2024-01-01T12:00'],
    ['DAY', '2024-02-28T00:00Z', '2024-03-01T00:00Z', 2, '2024-02-28T00:00', '2024-03-01T00:00'],
    ['MONTH', null, '2024-02-01T00:00Z', 12, '2023-02-01T00:00', '2024-02-01T00:00'],
    // What lies ahead can be asked for.
    ['DAY', '2024-02-29T13:00Z', null, 1, '2024-02-29T00:00', '2024-03-01T00:00'],
    ['DAY', '2030-01-01T00:00Z', '2030-01-01T00:00:00.001Z', 1, '2030-01-01T00:00', '2030-01-02T00:00'],
    ['HOUR', '2024-01-01T00:00Z', '2024-02-11T16:00Z', 1000, '2024-01-01T00:00', '2024-02-11T16:00'],
  ])('%s from %s to %s are %i', (bucket, from, to, count, first, end) => {
    const { starts, end: last } = span(bucket, from, to);
    expect([starts.length, short(starts[0]), short(last)]).toEqual([count, first, end]);
  });

  it.each<[Bucket, string | null, string | null, string]>([
    ['DAY', '2024-01-02T00:00Z', '2024-01-02T00:00Z', 'from: must be before to'],
    ['HOUR', '2024-01-02T00:30Z', '2024-01-02T00:15Z', 'from: must be before to'],
    ['DAY', '2024-03-01T00:00Z', null, 'from: must be before to'],
    ['HOUR', '2024-01-01T00:00Z', '2024-02-11T16:01Z', 'from: asks for more than 1,000 buckets'],
    ['MONTH', '1969-12-31T00:00Z', '1970-02-01T00:00Z', 'from: must not be before 1970'],
    ['MONTH', null, '1970-06-01T00:00Z', 'from: must not be before 1970'],
    ['MONTH', '2024-01-01T00:00Z', '9999-12-31T23:59:59.999Z', 'to: must not be after 9000'],
  ])('%s from %s to %s are refused: %s', (bucket, from, to, problem) => {
    expect(() => span(bucket, from, to)).toThrow(problem);
  });
});

it('buckets of which nothing is known hold 0', () => {
  const points = fillSpan(span('DAY', '2024-02-28T00:00Z', '2024-03-02T00:00Z'), [
    { start: new Date('2024-02-29T00:00Z'), used: -7n },
  ]);
  expect(points.map(({ start, end, used }) => [short(start), short(end), used])).toEqual([
    ['2024-02-28T00:00', '2024-02-29T00:00', 0n],
    ['2024-02-29T00:00', '2024-03-01T00:00', -7n],
    ['2024-03-01T00:00', '2024-03-02T00:00', 0n],
  ]);
});
