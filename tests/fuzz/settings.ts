/** How often each property is tried. The short form is part of every test run, and always the same. */
export const runs = Number(process.env.RUNS ?? 6);

/** With the same seed everything is tried again in the same order. */
export const seed = Number(process.env.SEED ?? (process.env.RUNS ? Math.floor(Math.random() * 2 ** 31) : 1));

export const settings = { numRuns: runs, seed, endOnFailure: false };

/** For the test runner, in milliseconds. */
export const timeout = 30_000 + runs * 500;
