import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCaller } from './caller.ts';
import { createNeighbour, neighbourKey, users } from './catalogue.ts';
import type { Machine } from './machine.ts';
import type { Random } from './random.ts';

/** Does harm, and resolves when nothing stands in the way of recovery any more. */
type Fault = (machine: Machine, random: Random, pauseMs: number) => Promise<void>;

/** Two harms that follow each other so closely that the second meets the recovery of the first. */
const closely = (random: Random) => sleep(random.between(0, 400));

async function freezeServer(machine: Machine, pauseMs: number): Promise<void> {
  machine.signalServer('SIGSTOP');
  await sleep(pauseMs);
  machine.signalServer('SIGCONT');
}

async function freezePostgres(machine: Machine, pauseMs: number): Promise<void> {
  const thaw = await machine.postgres.freeze();
  await sleep(pauseMs);
  thaw();
}

async function killServer(machine: Machine): Promise<void> {
  const ended = machine.serverEnds();
  machine.signalServer('SIGKILL');
  await ended;
}

/** What happens to PostgreSQL while the server lives on. */
export const postgresFaults: Record<string, Fault> = {
  'PostgreSQL killed': ({ postgres }) => postgres.kill(),
  'a connection of PostgreSQL killed': ({ postgres }) => postgres.killConnection(),
  'PostgreSQL stopped': (machine, _random, pauseMs) => freezePostgres(machine, pauseMs),
  'PostgreSQL shut down by another': ({ postgres }) => postgres.shutDown(),
};

export const allFaults: Record<string, Fault> = {
  ...postgresFaults,
  'server killed': killServer,
  'server stopped': (machine, _random, pauseMs) => freezeServer(machine, pauseMs),
  // The last server to end takes PostgreSQL with it.
  'both restarted in order': async (machine) => {
    const ended = machine.serverEnds();
    machine.signalServer('SIGTERM');
    await ended;
  },
  'both killed, the server first': async (machine, random) => {
    await killServer(machine);
    await closely(random);
    await machine.postgres.kill();
  },
  'both killed, PostgreSQL first': async (machine, random) => {
    await machine.postgres.kill();
    await closely(random);
    await killServer(machine);
  },
  'both stopped': async (machine, random, pauseMs) => {
    const stopped = freezePostgres(machine, pauseMs);
    await closely(random);
    await Promise.all([stopped, freezeServer(machine, pauseMs)]);
  },
  'server killed while PostgreSQL is stopped': async (machine, _random, pauseMs) => {
    const thaw = await machine.postgres.freeze();
    await killServer(machine);
    await sleep(pauseMs);
    thaw();
  },
};

/** Holds the locks of a statement, as a person at a console would. */
const held =
  (sql: string): Fault =>
  async ({ postgres }, _random, pauseMs) => {
    const release = await postgres.hold(sql);
    await sleep(pauseMs);
    await release();
  };

const diskFull = `
  create or replace function fail_as_full_disk() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file' using errcode = '53100'; end $$;
  create trigger full_disk before insert on usage_event execute function fail_as_full_disk()`;

const endOtherSessions = `
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`;

/** The user whose row is locked. */
export const heldUser = users.plain[0] as string;

/** Another environment begins to do its worst: long lists, exports, long histories, catalogue files; see noise.mjs. */
async function beginNoise({ url, postgres }: Machine, random: Random): Promise<{ end(): Promise<void> }> {
  await createNeighbour(createCaller(url, neighbourKey, random), postgres);
  const noise = spawn(process.execPath, [resolve('tests/crash/noise.mjs'), url, neighbourKey], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(noise, 'close');
  let said = '';
  noise.stdout.on('data', (chunk) => {
    said += chunk;
  });
  return {
    async end() {
      noise.stdin.end();
      await ended;
      if (said.includes('INTERNAL_SERVER_ERROR'))
        throw new Error(`a fault of ours met the neighbour: ${said}`);
    },
  };
}

/** Too long for a short run. */
export const longDisturbances: Record<string, Fault> = {
  'a noisy neighbour': async (machine, random, pauseMs) => {
    const noise = await beginNoise(machine, random);
    await sleep(pauseMs);
    await noise.end();
  },
  // Nothing is lost when the neighbour's work is killed with the rest.
  'a noisy neighbour, and PostgreSQL killed': async (machine, random, pauseMs) => {
    const noise = await beginNoise(machine, random);
    await sleep(random.between(500, pauseMs));
    await machine.postgres.kill();
    await sleep(pauseMs / 2);
    await noise.end();
  },
};

/** What happens around the server and PostgreSQL while both are alive. */
export const disturbances: Record<string, Fault> = {
  'row of a user locked by another': held(`select 1 from "user" where id = '${heldUser}' for update`),
  'ledger locked by another': held('lock table usage_event in share mode'),
  'queue of jobs locked by another': held(
    'lock table graphile_worker._private_jobs in access exclusive mode',
  ),
  'disk full': async ({ postgres }, _random, pauseMs) => {
    await postgres.query(diskFull);
    await sleep(pauseMs);
    await postgres.query('drop trigger full_disk on usage_event');
  },
  'read-only, as after a failover': async ({ postgres }, _random, pauseMs) => {
    await postgres.query('alter database open_kana set default_transaction_read_only = on');
    await postgres.query(endOtherSessions);
    await sleep(pauseMs);
    await postgres.query('alter database open_kana reset default_transaction_read_only');
    await postgres.query(endOtherSessions);
  },
  'clock of the server set back, then ahead': async (machine, random, pauseMs) => {
    for (const direction of [-1, 1]) {
      await machine.shiftClock(direction * random.between(10_000, 90 * 24 * 3_600_000));
      await sleep(pauseMs / 2);
    }
    await machine.shiftClock(0);
  },
};

/** `count` faults in random order; each kind occurs before any occurs again. */
export function planFaults(kinds: Record<string, Fault>, count: number, random: Random): [string, Fault][] {
  const plan: [string, Fault][] = [];
  while (plan.length < count) plan.push(...random.shuffle(Object.entries(kinds)));
  return plan.slice(0, count);
}
