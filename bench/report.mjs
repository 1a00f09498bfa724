// Medians, and the ratios that the bars are set for.
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How much a light load leaves to the servers decides their ratio, so autocannon has a bar of its own. */
const barsWith = (generator) => [
  {
    what: `recordUsage, 64 connections, ${generator}: ours / noop`,
    of: ['ours', 'noop'],
    least: generator === 'wrk' ? 2.5 : 2.0,
  },
  { what: 'the same: ours / naive', of: ['ours', 'naive'], least: 8 },
  { what: 'the same: ours / postgraphile', of: ['ours', 'postgraphile'], least: 4 },
  { what: 'with entitlement selected: ours / noop', of: ['ours, record and check', 'noop'], least: 2.0 },
  { what: 'canUseFeature: ours / noop', of: ['ours, check', 'noop'], least: 4.0 },
  { what: 'with idempotency keys / without', of: ['ours, with idempotency keys', 'ours'], least: 0.9 },
  {
    what: 'one user and feature: ours / ours spread',
    of: ['ours, one user and feature', 'ours'],
    least: 0.9,
  },
  { what: 'users with top-ups / without', of: ['ours, users with top-ups', 'ours'], least: 0.5 },
  { what: 'recordUsages of 1,000, rows: ours / ceiling', of: ['ours, 1,000 a call', 'ceiling'], least: 0.7 },
  { what: 'one connection: ours / naive', of: ['ours, 1 connection', 'naive, 1 connection'], least: 1.5 },
  { what: 'p99 at 64 connections: ours / naive', of: ['ours', 'naive'], field: 'p99', most: 0.25 },
];
const historyBars = [
  { what: 'recordUsage: 10^7 / 10^4 events', of: ['record, 10^7 events', 'record, 10^4 events'], least: 0.9 },
  { what: 'canUseFeature: 10^7 / 10^4 events', of: ['check, 10^7 events', 'check, 10^4 events'], least: 0.9 },
];
/* The median of the ratios of two measurements that follow each other, in one order and the other in turn. */
const backfillBars = [
  {
    what: 'recordUsage: beside a backfill / without',
    of: ['recordUsage, beside a backfill', 'recordUsage'],
    paired: true,
    least: 0.9,
  },
  {
    what: 'track: beside a backfill / without',
    of: ['track, beside a backfill', 'track'],
    paired: true,
    least: 0.9,
  },
];

const migrationBars = ['recordUsage', 'canUseFeature'].map((name) => ({
  what: `${name}: beside a migration / without`,
  of: [`${name}, beside a migration`, name],
  paired: true,
  least: 0.9,
}));

/* CPU of a call, of the server and PostgreSQL together: what others have costs a user who has nothing of it nothing. */
const allowanceBars = ['recordUsage', 'recordUsage and check', 'canUseFeature'].map((name) => ({
  what: `CPU of ${name}: others have allowances / nobody has`,
  of: [`${name}, others have allowances`, name],
  field: 'cpuMicros',
  paired: true,
  most: 1.05,
}));

const barsOf = (generator) => ({
  all: barsWith(generator),
  history: historyBars,
  backfill: backfillBars,
  migration: migrationBars,
  allowances: allowanceBars,
  none: [],
});

/** Prints the medians, and the ratios against their bars; answers both. */
export function report(results, which, { generator, memoryMiB }) {
  const medians = Object.fromEntries([...results].map(([name, rounds]) => [name, summaryOf(rounds)]));
  const ratios = barsOf(generator)[which].map(
    ({ what, of: [a, b], field = 'perSecond', least, most, paired }) => {
      const ratio = paired
        ? median(results.get(a).map((round, index) => round[field] / results.get(b)[index][field]))
        : medians[a][field] / medians[b][field];
      return {
        what,
        ratio: Number(ratio.toFixed(2)),
        bar: least === undefined ? `at most ${most}` : `at least ${least}`,
        met: least === undefined ? ratio <= most : ratio >= least,
      };
    },
  );
  console.log(`The load came from ${generator}.`);
  console.table(medians);
  if (ratios.length > 0) console.table(ratios);
  if (memoryMiB) console.log(`resident memory of our server, at most: ${memoryMiB} MiB`);
  return { medians, ratios, memoryMiB, rounds: [...results.values()][0].length };
}

const summaryOf = (rounds) => ({
  perSecond: Number(median(rounds.map((round) => round.perSecond)).toPrecision(4)),
  p50: median(rounds.map((round) => round.p50)),
  p99: median(rounds.map((round) => round.p99)),
  // CPU of a call, in microseconds.
  ...Object.fromEntries(
    ['serverMicros', 'postgresMicros', 'loadMicros']
      .filter((name) => rounds[0][name] !== undefined)
      .map((name) => [name, Math.round(median(rounds.map((round) => round[name])))]),
  ),
  // How many stored events a backfill has examined meanwhile, or subscribers a migration has moved.
  ...(rounds[0].examined === undefined ? {} : { examined: median(rounds.map((round) => round.examined)) }),
});
