// Medians, and the ratios that the bars are set for.
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const bars = [
  { what: 'recordUsage, 64 connections: ours / noop', of: ['ours', 'noop'], least: 2.0 },
  { what: 'the same: ours / naive', of: ['ours', 'naive'], least: 8 },
  { what: 'the same: ours / postgraphile', of: ['ours', 'postgraphile'], least: 4 },
  { what: 'with entitlement selected: ours / noop', of: ['ours, record and check', 'noop'], least: 1.6 },
  { what: 'canUseFeature: ours / noop', of: ['ours, check', 'noop'], least: 1.8 },
  { what: 'one user and feature: ours / ours spread', of: ['ours, one user and feature', 'ours'], least: 0.9 },
  { what: 'recordUsages of 1,000, rows: ours / ceiling', of: ['ours, 1,000 a call', 'ceiling'], least: 0.5 },
  { what: 'one connection: ours / naive', of: ['ours, 1 connection', 'naive, 1 connection'], least: 1.5 },
  { what: 'p99 at 64 connections: ours / naive', of: ['ours', 'naive'], field: 'p99', most: 0.25 },
];
const historyBars = [
  { what: 'recordUsage: 10^7 / 10^4 events', of: ['record, 10^7 events', 'record, 10^4 events'], least: 0.9 },
  { what: 'canUseFeature: 10^7 / 10^4 events', of: ['check, 10^7 events', 'check, 10^4 events'], least: 0.9 },
];

export function report(results, { history, memory }) {
  const medianOf = (name, field) => median(results.get(name).map((result) => result[field]));
  const medians = Object.fromEntries(
    [...results].map(([name, all]) => [
      name,
      { perSecond: Math.round(median(all.map((one) => one.perSecond))), p50: median(all.map((one) => one.p50)), p99: median(all.map((one) => one.p99)) },
    ]),
  );
  const ratios = (history ? historyBars : bars).map(({ what, of: [a, b], field = 'perSecond', least, most }) => {
    const ratio = medianOf(a, field) / medianOf(b, field);
    const met = least === undefined ? ratio <= most : ratio >= least;
    return { what, ratio: Number(ratio.toFixed(2)), bar: least === undefined ? `at most ${most}` : `at least ${least}`, met };
  });
  console.table(medians);
  console.table(ratios);
  if (memory) console.log(`resident memory of our server: ${memory} MiB`);
  return { medians, ratios, memoryMiB: memory, rounds: [...results.values()][0].length };
}
