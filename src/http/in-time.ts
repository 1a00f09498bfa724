/** For how long the database may keep a look at how the server does waiting, in milliseconds. */
const patience = 1_000;

/** Whether the work succeeds in time; what it does later, nobody hears of. */
export async function succeedsInTime(work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), patience);
  });
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
