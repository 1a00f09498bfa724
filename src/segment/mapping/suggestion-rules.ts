import { textOf } from './rules.ts';

/** How many events have a value at a path of their properties. */
export interface PropertyCount {
  path: string;
  /** The value as text, which is what a condition must name to match it. */
  value: string;
  count: number;
}

/**
 * What conditions could be made of, the most frequent first: values that are the same as text are one, such as 5 and
 * "5". The text is the one that rules compare.
 *
 * @param found values other than objects, lists and null
 */
export function groupByText(
  found: readonly { path: string; value: unknown; count: number }[],
): PropertyCount[] {
  const groups = new Map<string, PropertyCount>();
  for (const { path, value, count } of found) {
    const text = textOf(value);
    if (text === null) continue;
    const name = JSON.stringify([path, text]);
    groups.set(name, { path, value: text, count: (groups.get(name)?.count ?? 0) + count });
  }
  return [...groups.values()].sort(
    (a, b) => b.count - a.count || compare(a.path, b.path) || compare(a.value, b.value),
  );
}

const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b));
