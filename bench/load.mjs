// The load, in a process of its own: one scenario by wrk or autocannon; prints a line when it begins, and its result as JSON.
// argv: JSON { url, key, scenario, connections, generator, and seconds or calls; and size, of a grown database }
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { canCount, cpuSeconds } from './cpu.mjs';
import { scenarios } from './scenarios.mjs';

const { url, key, scenario, connections, seconds, calls, generator, size } = JSON.parse(process.argv[2]);
const { body, path = '/graphql', prepared, rows = 1, isNeverRepeated } = scenarios[scenario];
const headers = { 'content-type': 'application/json', authorization: key };

/** How many requests wrk takes turns with; what must be new in each is marked. */
const turns = 6_400;
/** In seconds: a number of calls ends sooner. */
const longest = 600;

/** Tells the parent that all is prepared and the first call follows. Returns the time. */
function begin() {
  writeSync(1, 'begins\n');
  return Date.now();
}

function withWrk() {
  const directory = mkdtempSync(join(tmpdir(), 'open-kana-load-'));
  const file = join(directory, 'requests');
  const count = isNeverRepeated ? calls : Math.max(Math.ceil(turns / rows), 10);
  writeFileSync(file, [path, ...Array.from({ length: count }, () => body('@new-id@', size)), ''].join('\n'));
  try {
    const beganAt = begin();
    const text = execFileSync('wrk', [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds ?? longest}s`],
      ...['--timeout', '30s', '--script', fileURLToPath(new URL('wrk.lua', import.meta.url))],
      ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
      ...[url, '--', file, ...(calls === undefined ? [] : [String(calls)])],
    ]).toString();
    const endedAt = Date.now();
    const { requests, seconds: took, ...rest } = JSON.parse(text.trim().split('\n').at(-1));
    return { perSecond: requests / took, requests, beganAt, endedAt, ...rest };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function withAutocannon() {
  let wrong = 0;
  const onResponse = (status, text) => {
    if (status !== 200 || text.includes('"errors"')) wrong += 1;
  };
  /** Written before the load begins where none needs to be new: writing them would take time from who is measured. */
  const requests = prepared
    ? {
        setupClient: (client) =>
          client.setRequests(
            Array.from({ length: prepared }, () => ({ path, body: body(randomUUID(), size), onResponse })),
          ),
      }
    : {
        requests: [
          { path, setupRequest: (request) => ({ ...request, body: body(randomUUID(), size) }), onResponse },
        ],
      };
  const beganAt = begin();
  const result = await autocannon({
    url,
    connections,
    ...(calls === undefined ? { duration: seconds } : { amount: calls }),
    method: 'POST',
    headers,
    ...requests,
  });
  return {
    perSecond: result.requests.total / result.duration,
    beganAt,
    endedAt: Date.now(),
    p50: result.latency.p50,
    p99: result.latency.p99,
    requests: result.requests.total,
    failures: result.errors + result.timeouts + wrong,
  };
}

const before = canCount ? cpuSeconds('self') : 0;
const result = await (generator === 'wrk' ? withWrk() : withAutocannon());
const loadCpu = canCount ? cpuSeconds('self') - before : undefined;
process.stdout.write(JSON.stringify({ ...result, loadCpu }));
