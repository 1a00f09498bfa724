// Messages to 50 webhooks of which 10 hang and 5 fail: when the others have theirs, and recordUsage beside them.
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { canCount, cpuSeconds } from './cpu.mjs';
import { median } from './report.mjs';
import { load, startServer } from './servers.mjs';

const kinds = Array.from({ length: 50 }, (_, index) =>
  index % 5 === 0 ? 'hanging' : index % 10 === 1 ? 'failing' : 'good',
);
const isGood = (_item, index) => kinds[index] === 'good';

async function startReceiver() {
  const child = fork(fileURLToPath(new URL('receiver.mjs', import.meta.url)), [JSON.stringify(kinds)]);
  const told = () => new Promise((resolve) => child.once('message', resolve));
  const { ports } = await told();
  const read = () => {
    const answer = told();
    child.send({ read: true });
    return answer;
  };
  return {
    ports,
    cpuSeconds: () => (canCount ? cpuSeconds(child.pid) : 0),
    /** When messages arrived at each endpoint, and how old they were then, in milliseconds; since the last look. */
    async arrivals() {
      return (await read()).arrivals;
    },
    /** How often an endpoint that works got a message that it had got already, since the last expect. */
    async repeats() {
      return (await read()).repeats.filter(isGood).reduce((sum, count) => sum + count, 0);
    },
    /** From now on only messages of this burst count: what is left of an earlier one may still be under way. */
    expect: (burst) => child.send({ expect: burst }),
    stop: () => child.send({ read: false }),
  };
}

/** Events that all webhooks want, as the outbox writes them, in transactions of 100. */
const eventsSql = (count, burst) => `
  do $$ begin
    for batch in 1..${Math.ceil(count / 100)} loop
      with event as (
        insert into webhook_event (environment_id, type, data)
        select 'test', 'usage.threshold_reached', jsonb_build_object('userId', 'user-' || n, 'featureId', 'feature-1',
          'subscriptionId', '1', 'packageId', '${burst}', 'used', 80, 'limit', 100, 'threshold', 80, 'windowStart', now())
        from generate_series(1, least(100, ${count} - (batch - 1) * 100)) n returning id
      )
      insert into webhook_delivery (environment_id, webhook_id, event_id, retry_until)
      select 'test', w.id, e.id, now() + interval '3 days' from event e, webhook w order by e.id;
      commit;
    end loop;
  end $$`;

const metricsToken = 'token-of-the-benchmark';

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/**
 * Measures bursts of events, and recordUsage without and beside messages, in turn.
 *
 * @param events how many in a burst; each is a message to each of the 50
 */
export async function measureWebhooks(databases, { events, ...options }) {
  const { run, key } = databases;
  const url = await databases.copy('webhooks');
  const settings = { WEBHOOK_ALLOW_PRIVATE: 'true', METRICS_TOKEN: metricsToken };
  const server = await startServer('ours', url, settings);
  const receiver = await startReceiver();
  try {
    for (const port of receiver.ports) await createWebhook(server, key, `http://127.0.0.1:${port}/`);
    let bursts = 0;
    const write = () => {
      bursts += 1;
      receiver.expect(`burst-${bursts}`);
      return run('webhooks', eventsSql(events, `burst-${bursts}`));
    };
    const parts = { databases, server, receiver, write };
    return await measureInTurn(parts, { expected: events * kinds.filter(isGood).length, ...options });
  } finally {
    receiver.stop();
    await server.stop();
  }
}

async function createWebhook({ port }, key, url) {
  const query = `mutation { createWebhook(input: { url: "${url}", events: ["usage.*"] }) { secret } }`;
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: key },
    body: JSON.stringify({ query }),
  });
  const { errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
}

async function measureInTurn(parts, { expected, rounds, seconds, generator }) {
  const bursts = [];
  for (let round = 1; round <= rounds; round += 1) {
    bursts.push(await burst(parts, expected));
    process.stderr.write(`round ${round}, a burst: ${JSON.stringify(bursts.at(-1))}\n`);
  }
  const pairs = await recordBeside(parts, { rounds, seconds, generator });
  const medianOf = (name) => Number(median(pairs.map((pair) => pair[name])).toFixed(3));
  const [ratio, cpuRatio] = [medianOf('ratio'), medianOf('cpuRatio')];
  console.table(bursts);
  console.table(pairs);
  console.log(
    `recordUsage beside messages / without, median: ${ratio} (bar: at least 0.9); CPU: ${cpuRatio}`,
  );
  return { bursts, pairs, ratio, cpuRatio };
}

/** How often recording is measured without, beside, beside and without messages, in a round. */
const turnsOfRound = 4;
/** To pause the webhooks and to resume them takes so long, about. */
const toggleSeconds = 11;

/**
 * Records without a pause, while the webhooks are paused and resumed in turn. Thus all that differs is whether messages
 * are sent: the rows are the same, and what the machine does for others changes too slowly to matter.
 */
async function recordBeside(parts, { rounds, seconds, generator }) {
  const { databases, server, write } = parts;
  await pause(parts);
  await write();
  let isOver = false;
  const loaded = load(server, databases, {
    ...{ scenario: 'record', connections: 64, key: databases.key, generator },
    seconds: rounds * turnsOfRound * (4 * seconds + toggleSeconds),
  }).then(({ failures }) => {
    if (failures > 0) throw new Error(`${failures} calls failed`);
    isOver = true;
  });
  await sleep(5_000);
  const pairs = [];
  while (!isOver) {
    const alone = [await countFor(parts, seconds)];
    await resume(parts);
    const beside = [await countFor(parts, seconds), await countFor(parts, seconds)];
    await pause(parts);
    alone.push(await countFor(parts, seconds));
    if (isOver) break;
    pairs.push(compare(sumOf(alone), sumOf(beside)));
    process.stderr.write(`recordUsage: ${JSON.stringify(pairs.at(-1))}\n`);
  }
  await loaded;
  return pairs;
}

const sumOf = ([one, other]) =>
  Object.fromEntries(Object.keys(one).map((name) => [name, one[name] + other[name]]));

function compare(alone, beside) {
  const perCall = ({ calls, server, postgres }) =>
    [server, postgres].map((cpu) => Math.round((cpu * 1e6) / calls));
  const cpuOf = ({ calls, server, postgres }) => (server + postgres) / calls;
  return {
    alone: Math.round(alone.calls / alone.seconds),
    beside: Math.round(beside.calls / beside.seconds),
    ratio: Number((beside.calls / beside.seconds / (alone.calls / alone.seconds)).toFixed(3)),
    aloneMicros: perCall(alone).join(' + '),
    besideMicros: perCall(beside).join(' + '),
    // On a busy machine, the one that holds.
    cpuRatio: Number((cpuOf(alone) / cpuOf(beside)).toFixed(3)),
    messagesPerSecond: Math.round(beside.messages / beside.seconds),
    messagesAlone: alone.messages,
  };
}

/** What happens in so many seconds. */
async function countFor({ databases, server, receiver }, seconds) {
  await receiver.arrivals();
  const read = async () => ({
    at: performance.now() / 1_000,
    calls: await callsOf(server),
    server: server.cpuSeconds(),
    postgres: databases.cpuSeconds(),
  });
  const before = await read();
  await sleep(seconds * 1_000);
  const after = await read();
  const messages = (await arrivedSince(receiver)).length;
  const { at, ...grown } = Object.fromEntries(
    Object.keys(after).map((name) => [name, after[name] - before[name]]),
  );
  return { seconds: at, ...grown, messages };
}

/** How many requests the server has answered. */
async function callsOf({ port }) {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    headers: { Authorization: metricsToken },
  });
  const counts = (await response.text()).matchAll(/^kana_requests_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Nothing more was sent if nothing has arrived for so many seconds. */
const quietSeconds = 3;

/** Sends nothing more: who serves a webhook sees it when it has sent what it has read. */
async function pause({ databases, receiver }) {
  const stop = "update webhook set paused_until = 'infinity', leased_by = null, leased_until = null";
  await databases.run('webhooks', stop);
  await receiver.arrivals();
  for (let quiet = 0; quiet < quietSeconds; ) {
    await sleep(1_000);
    quiet = (await arrivedSince(receiver)).length === 0 ? quiet + 1 : 0;
  }
}

/** The webhooks are looked for every few seconds: if nothing is sent for longer, nothing is left. */
const longestSilenceSeconds = 30;

/** Waits until messages are sent again. */
async function resume({ databases, receiver }) {
  await databases.run(
    'webhooks',
    'update webhook set paused_until = null, failures = 0, failing_since = null',
  );
  const deadline = performance.now() + longestSilenceSeconds * 1_000;
  while ((await arrivedSince(receiver)).length === 0) {
    if (performance.now() > deadline) throw new Error('no message is left: write more (--events)');
    await sleep(100);
  }
}

const arrivedSince = async (receiver) => (await receiver.arrivals()).filter(isGood).flat();

/** Writes a burst, and waits until every webhook that works has all its messages. */
async function burst({ databases, server, receiver, write }, expected) {
  const cpu = () => [server, databases, receiver].map((each) => each.cpuSeconds());
  await write();
  const before = cpu();
  const began = performance.now();
  const arrived = await arrivedSince(receiver);
  const early = arrived.length;
  while (arrived.length < expected) {
    await sleep(100);
    arrived.push(...(await arrivedSince(receiver)));
  }
  const sent = arrived.length - early;
  const repeats = await receiver.repeats();
  const seconds = (performance.now() - began) / 1_000;
  const [serverMicros, postgresMicros, receiverMicros] = cpu().map((after, index) =>
    Math.round(((after - before[index]) * 1e6) / sent),
  );
  await clear(databases, receiver);
  const ages = arrived.map(({ age }) => age).sort((one, other) => one - other);
  return {
    messages: ages.length,
    repeats,
    perSecond: Math.round(sent / seconds),
    p50Ms: quantile(ages, 0.5),
    p99Ms: quantile(ages, 0.99),
    lastMs: ages.at(-1),
    serverMicros,
    postgresMicros,
    receiverMicros,
  };
}

/** Takes away what is left. */
async function clear({ run }, receiver) {
  await run('webhooks', 'delete from webhook_delivery');
  await run('webhooks', 'delete from webhook_event');
  await run('webhooks', 'update webhook set failures = 0, failing_since = null, paused_until = null');
  await run('webhooks', 'vacuum analyze webhook_delivery, webhook_event, webhook');
  await receiver.arrivals();
}
