import type { Family, Sample } from './registry.ts';

/** The media type of Prometheus' text format. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** The figures of several processes as those of one: numbers of the same kind are added up, or the highest counts. */
export function mergeFamilies(processes: readonly (readonly Family[])[]): Family[] {
  const merged = new Map<string, { family: Family; samples: Map<string, Sample> }>();
  for (const family of processes.flat()) {
    const entry = merged.get(family.name) ?? { family, samples: new Map<string, Sample>() };
    merged.set(family.name, entry);
    for (const sample of family.samples) {
      const key = lineName(family.name, sample);
      const known = entry.samples.get(key)?.value;
      const value = known === undefined ? sample.value : combine(family.merge, known, sample.value);
      entry.samples.set(key, { ...sample, value });
    }
  }
  return [...merged.values()].map(({ family, samples }) => ({ ...family, samples: [...samples.values()] }));
}

const combine = (merge: Family['merge'], one: number, other: number) =>
  merge === 'sum' ? one + other : Math.max(one, other);

/** As Prometheus reads it. */
export function formatFamilies(families: readonly Family[]): string {
  const lines = families.flatMap(({ name, help, type, samples }) => [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${type}`,
    ...samples.map((sample) => `${lineName(name, sample)} ${formatNumber(sample.value)}`),
  ]);
  return `${lines.join('\n')}\n`;
}

function lineName(name: string, { suffix, labels }: Sample): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
  return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`}`;
}

const escapeLabel = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function formatNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
