import { readFileSync } from 'node:fs';

/*
 * Loaded before the server: its clock is the true one and what SHIFT_FILE says, in milliseconds. Timers and the
 * monotonic clock stay true, as they do when somebody sets the clock of a machine.
 */

const TrueDate = Date;
let shiftMs = 0;

setInterval(() => {
  try {
    shiftMs = Number(readFileSync(process.env.SHIFT_FILE, 'utf8')) || 0;
  } catch {
    // No shift yet.
  }
}, 50).unref();

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length === 0 ? [TrueDate.now() + shiftMs] : args, newTarget),
  apply: () => new TrueDate(TrueDate.now() + shiftMs).toString(),
  get: (target, name, receiver) =>
    name === 'now' ? () => TrueDate.now() + shiftMs : Reflect.get(target, name, receiver),
});
