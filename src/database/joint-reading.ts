/**
 * Returns a function that reads something which changes all the time. Concurrent callers share a reading that starts
 * after their calls.
 */
export function shareReadings<Value>(read: () => Promise<Value>): () => Promise<Value> {
  let running: Promise<unknown> = Promise.resolve();
  let next: Promise<Value> | null = null;

  function start(): Promise<Value> {
    next = null;
    const reading = read();
    running = reading;
    return reading;
  }
  return () => {
    next ??= running.then(start, start);
    return next;
  };
}
