export const tabs = ['connect', 'unmatched', 'rules', 'events'] as const;

/** A part of the page; the fragment of its address names it. */
export type Tab = (typeof tabs)[number];

/** The tab that the address asks for, or else the one that needs somebody: how to connect, then what is unmatched. */
export function tabOf(hash: string, status: { lastEventAt: string | null; unmatched: number }): Tab {
  const asked = tabs.find((tab) => hash === `#${tab}`);
  if (asked !== undefined) return asked;
  if (status.lastEventAt === null) return 'connect';
  return status.unmatched > 0 ? 'unmatched' : 'rules';
}

interface Group {
  path: string;
  value: string;
  count: number;
}

/** The values of each property with their counts, most first; the property with most events first. */
export function byPath(groups: readonly Group[]): { path: string; total: number; values: Group[] }[] {
  const paths = new Map<string, Group[]>();
  for (const group of groups) paths.set(group.path, [...(paths.get(group.path) ?? []), group]);
  return [...paths]
    .map(([path, values]) => ({
      path,
      total: values.reduce((sum, { count }) => sum + count, 0),
      values: [...values].sort((a, b) => b.count - a.count),
    }))
    .sort((a, b) => b.total - a.total);
}
