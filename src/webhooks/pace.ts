import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Requests have priority over deliveries. Deliveries begin in groups. After a group, none begins until this process was
 * seen several times in a row without a statement of a request: then nobody is kept waiting, and the next group is a large
 * one, which ends early when a statement of a request is seen. While requests are answered all the time, the next group is
 * a small one, and begins when the process has used more than ten times the CPU time of such a group. It is counted in CPU
 * time because the time on the clock says nothing where others use the machine too.
 */
const sliceMs = 5;
/** To look costs CPU time too: while somebody is at the database, less often. */
const busySliceMs = 20;
/** At full load too there is often no statement for a moment, between two batches of recordings. */
const idleSlices = 10;
/** One delivery costs this process 0.2 ms of CPU in a large group, and up to 0.5 ms in a small one beside requests. */
const usual = { busy: 30, idle: 1_000, restCpuMs: 200, longestRestMs: 500 };

export interface Pace {
  /** Waits until a delivery may begin. Who waits longest is first. */
  turn(): Promise<void>;
}

/**
 * The pace of all deliveries of this process.
 *
 * @param isBusy whether a request is at the database now
 */
export function createPace(isBusy: () => boolean, group = usual): Pace {
  let left = 0;
  let isLarge = false;
  let resting: Promise<void> | null = null;

  async function rest(): Promise<void> {
    const before = process.cpuUsage();
    const until = performance.now() + group.longestRestMs;
    let idle = 0;
    let wasBusy = false;
    do {
      await sleep(wasBusy ? busySliceMs : sliceMs);
      wasBusy = isBusy();
      idle = wasBusy ? 0 : idle + 1;
    } while (idle < idleSlices && cpuMsSince(before) < group.restCpuMs && performance.now() < until);
    isLarge = idle >= idleSlices;
    left = isLarge ? group.idle : group.busy;
    resting = null;
  }
  return {
    async turn() {
      if (isLarge && isBusy()) left = 0;
      while (left === 0) {
        resting ??= rest();
        await resting;
      }
      left -= 1;
    },
  };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
