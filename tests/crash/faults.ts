import { setTimeout as sleep } from 'node:timers/promises';
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

/** `count` faults in random order; each kind occurs before any occurs again. */
export function planFaults(kinds: Record<string, Fault>, count: number, random: Random): [string, Fault][] {
  const plan: [string, Fault][] = [];
  while (plan.length < count) plan.push(...random.shuffle(Object.entries(kinds)));
  return plan.slice(0, count);
}
