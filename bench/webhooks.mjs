// Messages to 50 webhooks of which 10 hang and 5 fail: when the others have theirs, and recordUsage beside them.
import { fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { canCount, cpuSeconds } from './cpu.mjs';
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

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/**
 * Measures bursts of events, and recordUsage without and beside messages, in turn.
 *
 * @param events how many in a burst; each is a message to each of the 50
 */
export async function measureWebhooks(databases, { events, ...options }) {
  const { run, key } = databases;
  const url = await databases.copy('webhooks');
  const server = await startServer('ours', url, { WEBHOOK_ALLOW_PRIVATE: 'true' });
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

async function measureInTurn(parts, { expected, rounds, amount, generator }) {
  const { databases, server } = parts;
  const record = async () => {
    // After a checkpoint the first change of each page costs more: the same for all that is compared.
    await databases.run('webhooks', 'checkpoint');
    return load(server, databases, {
      ...{ scenario: 'record', connections: 64, key: databases.key, generator },
      ...amount,
    });
  };
  const bursts = [];
  const pairs = [];
  await record();
  for (let round = 1; round <= rounds; round += 1) {
    bursts.push(await burst(parts, expected));
    process.stderr.write(`round ${round}, a burst: ${JSON.stringify(bursts.at(-1))}\n`);
    // After a burst the first calls are slow: they would make the one that is measured first look slow.
    await record();
    const [a, b, c, d] = [
      await record(),
      await beside(parts, record),
      await beside(parts, record),
      await record(),
    ];
    for (const [alone, besides] of [
      [a, b],
      [d, c],
    ]) {
      pairs.push({
        alone: Math.round(alone.perSecond),
        beside: Math.round(besides.perSecond),
        ratio: Number((besides.perSecond / alone.perSecond).toFixed(2)),
        // On a busy machine, the one that holds.
        cpuRatio: Number((alone.cpuMicros / besides.cpuMicros).toFixed(2)),
        sent: besides.sent,
        left: besides.left,
      });
      process.stderr.write(`round ${round}, recordUsage: ${JSON.stringify(pairs.at(-1))}\n`);
    }
  }
  const ratios = pairs.map((pair) => pair.ratio).sort((one, other) => one - other);
  const middle = ratios.length >> 1; // Two in each round, so their number is even.
  const ratio = Number(((ratios[middle - 1] + ratios[middle]) / 2).toFixed(2));
  console.table(bursts);
  console.table(pairs);
  console.log(`recordUsage beside messages / without, median: ${ratio} (bar: at least 0.9)`);
  return { bursts, pairs, ratio };
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

/** Runs `work` while messages are sent. */
async function beside({ databases, receiver, write }, work) {
  await write();
  await arrivedSince(receiver);
  const result = await work();
  // Before the first call and after the last one, nobody is kept waiting, so more is sent.
  const isBeside = ({ at }) => at >= result.beganAt && at <= result.endedAt;
  const sent = (await arrivedSince(receiver)).filter(isBeside).length;
  const left = "select count(*)::int as count from webhook_delivery where state = 'PENDING' and attempts = 0";
  const { rows } = await databases.run('webhooks', left);
  await clear(databases, receiver);
  return { ...result, sent, left: rows[0].count };
}

/** Takes away what is left. */
async function clear({ run }, receiver) {
  await run('webhooks', 'delete from webhook_delivery');
  await run('webhooks', 'delete from webhook_event');
  await run('webhooks', 'update webhook set failures = 0, failing_since = null, paused_until = null');
  await run('webhooks', 'vacuum analyze webhook_delivery, webhook_event, webhook');
  await receiver.arrivals();
}
