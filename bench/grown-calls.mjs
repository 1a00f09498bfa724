// recordUsage and canUseFeature through the server, on a small database and a large one in turn: calls a second, and the
// CPU time of a call, of the server and of PostgreSQL.
import { setTimeout as sleep } from 'node:timers/promises';
import { makeKey } from './database.mjs';
import { median } from './report.mjs';
import { load, startServer } from './servers.mjs';

const connections = 64;
const scenarios = { recordUsage: 'recordGrown', canUseFeature: 'checkGrown' };
const least = 0.8;
/** Then records and checks have touched the pages of nearly all users. */
const warmUpRounds = 5;

/** PostgreSQL rests when it takes less of a core than this, looked at every so many milliseconds, for so long at most. */
const resting = { share: 0.05, lookMs: 2_000, longestMs: 900_000 };

/** Waits until jobs have done what earlier calls left to them: the series, the lists by use, the vacuum of tables. */
async function untilAtRest({ cpuSeconds }) {
  const deadline = Date.now() + resting.longestMs;
  for (let before = cpuSeconds(); ; before = cpuSeconds()) {
    await sleep(resting.lookMs);
    if (cpuSeconds() - before < (resting.share * resting.lookMs) / 1_000) return;
    if (Date.now() > deadline) throw new Error('PostgreSQL has not come to rest');
  }
}

/** Puts as many calls on both, round by round, and prints medians and the ratios of calls that follow each other. */
export async function measureGrownCalls(databases, urls, sizes, { rounds, calls, generator }) {
  const targets = {};
  const rows = [];
  /**
   * The first rounds warm up and do not count: a database that has grown for years has its users in its cache. In one
   * order and the other in turn: what comes first is at no advantage.
   */
  const measureRound = async (round, kind) => {
    for (const name of round % 2 ? ['small', 'large'] : ['large', 'small']) {
      const { server, ...target } = targets[name];
      const sent = { ...target, scenario: scenarios[kind], connections, generator, calls };
      await untilAtRest(databases);
      const result = await load(server, databases, sent);
      if (result.failures > 0) throw new Error(`${kind}, ${name}: ${result.failures} calls failed`);
      if (round >= 0) rows.push({ kind, size: name, ...result });
      process.stderr.write(
        `${round < 0 ? 'warm-up' : `round ${round + 1}/${rounds}`}  ${kind}, ${name}: ${result.perSecond.toFixed(0)}/s, CPU of a call ` +
          `${result.serverMicros.toFixed(0)} + ${result.postgresMicros.toFixed(0)} µs\n`,
      );
    }
  };
  try {
    for (const [name, url] of Object.entries(urls))
      targets[name] = { server: await startServer('ours', url), key: await makeKey(url), size: sizes[name] };
    for (let round = -warmUpRounds; round < rounds; round += 1)
      for (const kind of Object.keys(scenarios)) await measureRound(round, kind);
    for (const [name, { server }] of Object.entries(targets))
      console.log(`${name}: resident memory of the server, at most: ${server.residentMiB()} MiB`);
  } finally {
    for (const { server } of Object.values(targets)) await server.stop();
  }
  console.log(`${calls} calls from ${generator}, medians of ${rounds} rounds:`);
  console.table(Object.keys(scenarios).map((kind) => compare(kind, rows)));
  return rows;
}

function compare(kind, rows) {
  const of = (size, field) =>
    rows.filter((row) => row.kind === kind && row.size === size).map((row) => row[field]);
  const middle = (size, field) => Math.round(median(of(size, field)));
  const small = of('small', 'perSecond');
  const ratio = median(of('large', 'perSecond').map((rate, round) => rate / small[round]));
  const cpu = (size) => `${middle(size, 'serverMicros')} + ${middle(size, 'postgresMicros')}`;
  return {
    kind,
    'calls/s, small': middle('small', 'perSecond'),
    'calls/s, large': middle('large', 'perSecond'),
    'large / small': Number(ratio.toFixed(2)),
    'CPU small / large': Number(
      (median(of('small', 'cpuMicros')) / median(of('large', 'cpuMicros'))).toFixed(2),
    ),
    'CPU small, µs': cpu('small'),
    'CPU large, µs': cpu('large'),
    met: ratio >= least,
  };
}
