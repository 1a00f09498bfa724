import { useSyncExternalStore } from 'react';

/*
 * Lists and figures may come from a replica of the database. Each answer says how old it may be.
 */

/** An age that people need not know about: replicas are always a little behind. */
const unremarkableSeconds = 5;

/** How old the last answer of each operation may be, of those that are older than that. */
const ages = new Map<string, number>();
const listeners = new Set<() => void>();

/** Notes an answer. Without an age it is current. */
export function noteDataAge(operation: string, seconds: number | undefined): void {
  if (seconds === undefined || seconds <= unremarkableSeconds) ages.delete(operation);
  else ages.set(operation, seconds);
  for (const listener of listeners) listener();
}

/** Forgets the answers of a page that was left. */
export function forgetDataAges(): void {
  ages.clear();
  for (const listener of listeners) listener();
}

/** How old the oldest of the page's answers may be, in seconds. Null: none is remarkably old. */
export const oldestDataAge = (): number | null =>
  ages.size === 0 ? null : Math.ceil(Math.max(...ages.values()));

export const useDataAge = (): number | null => useSyncExternalStore(subscribe, oldestDataAge);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
