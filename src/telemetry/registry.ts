/** One number, and what tells it from the others of its family. */
export interface Sample {
  /** After the family's name: `_bucket`, `_sum` or `_count` of a histogram. */
  suffix: string;
  labels: Record<string, string>;
  value: number;
}

/** Numbers that tell the same, such as how many requests there were, of each kind. */
export interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  /** What several processes tell together. */
  merge: 'sum' | 'max';
  samples: Sample[];
}

type Labels = readonly string[];

/** Goes up. */
export interface Counter {
  add(amount?: number): void;
}

/** Counts values by their size. */
export interface Histogram {
  observe(value: number): void;
}

/** What is counted of each kind; whoever counts often keeps what `of` answered. */
export interface Kinds<Instrument> {
  of(...labels: string[]): Instrument;
}

/** The figures of one process. */
export interface Registry {
  counter(name: string, help: string, labels?: Labels): Kinds<Counter>;
  histogram(name: string, help: string, buckets: readonly number[], labels?: Labels): Kinds<Histogram>;
  /** Reads the value of each kind when somebody asks. */
  gauge(name: string, help: string, read: () => Iterable<Reading>, options?: GaugeOptions): void;
  read(): Family[];
}

export type Reading = [labels: Record<string, string>, value: number];

interface GaugeOptions {
  merge?: Family['merge'];
  type?: 'counter' | 'gauge';
}

/**
 * Counts in plain numbers: to count costs no more than to look a kind up. Everything else is done when somebody
 * asks, which is rare.
 */
export function createRegistry(): Registry {
  const families: (() => Family)[] = [];
  return {
    counter(name, help, labelNames = []) {
      const { kinds, samples } = createKinds(labelNames, () => ({ value: 0 }));
      families.push(() => ({
        ...{ name, help, type: 'counter', merge: 'sum' },
        samples: samples((labels, { value }) => [{ suffix: '', labels, value }]),
      }));
      return mapKinds(kinds, (count) => ({
        add(amount = 1) {
          count.value += amount;
        },
      }));
    },
    histogram(name, help, buckets, labelNames = []) {
      const { kinds, samples } = createKinds(labelNames, () => ({
        sum: 0,
        counts: buckets.map(() => 0),
        above: 0,
      }));
      families.push(() => ({
        ...{ name, help, type: 'histogram', merge: 'sum' },
        samples: samples((labels, counted) => bucketSamples(buckets, labels, counted)),
      }));
      return mapKinds(kinds, (counted) => ({ observe: (value) => observe(buckets, counted, value) }));
    },
    gauge(name, help, read, { merge = 'sum', type = 'gauge' } = {}) {
      families.push(() => ({
        ...{ name, help, type, merge },
        samples: [...read()].map(([labels, value]) => ({ suffix: '', labels, value })),
      }));
    },
    read: () => families.map((read) => read()),
  };
}

function createKinds<Kind>(names: Labels, create: () => Kind) {
  const kinds = new Map<string, { labels: Record<string, string>; kind: Kind }>();
  return {
    kinds(values: string[]): Kind {
      const key = values.length === 1 ? (values[0] ?? '') : values.join('\n');
      const found = kinds.get(key);
      if (found !== undefined) return found.kind;
      const kind = create();
      const labels = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
      kinds.set(key, { labels, kind });
      return kind;
    },
    samples: (tell: (labels: Record<string, string>, kind: Kind) => Sample[]): Sample[] =>
      [...kinds.values()].flatMap(({ labels, kind }) => tell(labels, kind)),
  };
}

function mapKinds<Kind extends object, Instrument>(
  find: (values: string[]) => Kind,
  make: (kind: Kind) => Instrument,
): Kinds<Instrument> {
  const made = new WeakMap<Kind, Instrument>();
  return {
    of(...values) {
      const kind = find(values);
      const found = made.get(kind);
      if (found !== undefined) return found;
      const instrument = make(kind);
      made.set(kind, instrument);
      return instrument;
    },
  };
}

interface Counted {
  sum: number;
  /** How many values fell into each bucket and into none before it. */
  counts: number[];
  /** How many were above all buckets. */
  above: number;
}

function observe(buckets: readonly number[], counted: Counted, value: number): void {
  counted.sum += value;
  const index = buckets.findIndex((limit) => value <= limit);
  if (index < 0) counted.above += 1;
  else counted.counts[index] = (counted.counts[index] ?? 0) + 1;
}

/** As Prometheus counts: each bucket holds those before it. */
function bucketSamples(
  buckets: readonly number[],
  labels: Record<string, string>,
  counted: Counted,
): Sample[] {
  let total = 0;
  const samples = buckets.map((limit, index) => {
    total += counted.counts[index] ?? 0;
    return { suffix: '_bucket', labels: { ...labels, le: String(limit) }, value: total };
  });
  total += counted.above;
  return [
    ...samples,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: total },
    { suffix: '_sum', labels, value: counted.sum },
    { suffix: '_count', labels, value: total },
  ];
}
