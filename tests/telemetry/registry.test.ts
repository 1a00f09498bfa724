import { expect, test } from '@jest/globals';
import { formatFamilies, mergeFamilies } from '../../src/telemetry/exposition.ts';
import { createRegistry } from '../../src/telemetry/registry.ts';

const linesOf = (families: Parameters<typeof formatFamilies>[0]) => formatFamilies(families).split('\n');

test('counters count each kind', () => {
  const registry = createRegistry();
  const calls = registry.counter('calls_total', 'Calls.', ['field', 'outcome']);
  calls.of('users', 'ok').add();
  calls.of('users', 'ok').add(2);
  calls.of('users', 'NOT_FOUND').add();
  expect(linesOf(registry.read())).toEqual([
    '# HELP calls_total Calls.',
    '# TYPE calls_total counter',
    'calls_total{field="users",outcome="ok"} 3',
    'calls_total{field="users",outcome="NOT_FOUND"} 1',
    '',
  ]);
});

test('the buckets of a histogram hold what is at most their limit', () => {
  const registry = createRegistry();
  const sizes = registry.histogram('size', 'Sizes.', [1, 10], ['lane']).of('record');
  for (const size of [0.5, 1, 1.5, 10, 11, 1_000]) sizes.observe(size);
  expect(linesOf(registry.read()).slice(2, -1)).toEqual([
    'size_bucket{lane="record",le="1"} 2',
    'size_bucket{lane="record",le="10"} 4',
    'size_bucket{lane="record",le="+Inf"} 6',
    'size_sum{lane="record"} 1024',
    'size_count{lane="record"} 6',
  ]);
});

test('a gauge is read when it is asked for', () => {
  const registry = createRegistry();
  let now = 1;
  registry.gauge('now', 'Now.', () => [[{}, now]]);
  registry.read();
  now = 2;
  expect(linesOf(registry.read())).toContain('now 2');
});

test('processes are added up, or the highest of them is told', () => {
  const tell = (count: number) => {
    const registry = createRegistry();
    registry.counter('calls_total', 'Calls.', ['field']).of('users').add(count);
    registry.histogram('size', 'Sizes.', [1]).of().observe(count);
    registry.gauge('memory', 'Memory.', () => [[{}, count]]);
    registry.gauge('lag', 'Lag.', () => [[{}, count]], { merge: 'max' });
    if (count > 2) registry.counter('faults_total', 'Faults.').of().add();
    return registry.read();
  };
  const lines = linesOf(mergeFamilies([tell(1), tell(2), tell(4)]));
  expect(lines.filter((line) => !line.startsWith('#') && line !== '')).toEqual([
    'calls_total{field="users"} 7',
    'size_bucket{le="1"} 1',
    'size_bucket{le="+Inf"} 3',
    'size_sum 7',
    'size_count 3',
    'memory 7',
    'lag 4',
    'faults_total 1',
  ]);
});

test('labels and help are escaped as the format asks', () => {
  const registry = createRegistry();
  registry.counter('odd_total', 'Two\nlines \\ all.', ['what']).of('a"b\\c\nd').add();
  expect(linesOf(registry.read()).slice(0, 3)).toEqual([
    '# HELP odd_total Two\\nlines \\\\ all.',
    '# TYPE odd_total counter',
    'odd_total{what="a\\"b\\\\c\\nd"} 1',
  ]);
});
