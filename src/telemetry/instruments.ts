/**
 * What every call counts into. prom-client hashes an object of labels and looks at all buckets by name each time that it
 * counts; here that is an addition, and prom-client's registry reads the sums when it is scraped.
 */
import type { Gauge, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

/** One line of an exposition. */
interface Sample {
  readonly metricName: string;
  readonly labels: Labels;
  readonly value: number;
}

/** What one series of a metric holds. */
interface Instrument {
  samples(metricName: string, labels: Labels): Sample[];
}

/** A count, or a level that goes up and down. */
export class Level implements Instrument {
  value = 0;

  samples(metricName: string, labels: Labels): Sample[] {
    return [{ metricName, labels, value: this.value }];
  }
}

/** What somebody else keeps, read when it is scraped. */
class Reading implements Instrument {
  readonly #read: () => number;

  constructor(read: () => number) {
    this.#read = read;
  }

  samples(metricName: string, labels: Labels): Sample[] {
    return [{ metricName, labels, value: this.#read() }];
  }
}

/** One of the series that there are at a scrape, with its value. */
export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** How often observations fell into each of some buckets. */
export class Histogram implements Instrument {
  readonly #bounds: readonly number[];
  /** For each bound what fell beneath it but above the one before; then the rest. */
  readonly #counts: Float64Array;
  #sum = 0;

  /** @param bounds upper ends of the buckets, themselves included, in ascending order */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    let bucket = 0;
    while (value > (this.#bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  samples(metricName: string, labels: Labels): Sample[] {
    let count = 0;
    const buckets = [...this.#bounds, '+Inf'].map((le, bucket): Sample => {
      count += this.#counts[bucket] ?? 0;
      return { metricName: `${metricName}_bucket`, labels: { le, ...labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${metricName}_sum`, labels, value: this.#sum },
      { metricName: `${metricName}_count`, labels, value: count },
    ];
  }
}

interface Description {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Up to three. */
  readonly labelNames: readonly string[];
}

/** What prom-client's registry asks of a metric at a scrape. */
interface Exposed {
  readonly name: string;
  readonly help: string;
  readonly type: Description['type'];
  readonly values: Sample[];
  readonly aggregator: 'sum';
}

interface Registrable {
  readonly name: string;
  readonly get: () => Exposed;
}

/** The series of one metric, by their label values. */
export class Metric<Series extends Instrument> implements Registrable {
  readonly name: string;
  readonly #description: Description;
  readonly #make: () => Series;
  readonly #series = new Map<string, Map<string, Map<string, Series>>>();
  readonly #all: { readonly labels: Labels; readonly series: Series }[] = [];

  constructor(description: Description, make: () => Series) {
    this.name = description.name;
    this.#description = description;
    this.#make = make;
    // What has no labels shows from the start.
    if (description.labelNames.length === 0) this.of();
  }

  /** Has the series of these label values shown before anything counts in it. */
  show(...labels: readonly [first?: string, second?: string, third?: string]): void {
    this.of(...labels);
  }

  /** The series of these label values, in the order of their names. */
  of(first = '', second = '', third = ''): Series {
    return this.#series.get(first)?.get(second)?.get(third) ?? this.#add(first, second, third);
  }

  get(): Exposed {
    const { name, help, type } = this.#description;
    const values = this.#all.flatMap(({ labels, series }) => series.samples(name, labels));
    return { name, help, type, values, aggregator: 'sum' };
  }

  #add(first: string, second: string, third: string): Series {
    const values = [first, second, third];
    const labels = Object.fromEntries(this.#description.labelNames.map((name, index) => [name, values[index] ?? '']));
    const series = this.#make();
    this.#all.push({ labels, series });
    const seconds = this.#series.get(first) ?? new Map<string, Map<string, Series>>();
    const thirds = seconds.get(second) ?? new Map<string, Series>();
    this.#series.set(first, seconds.set(second, thirds.set(third, series)));
    return series;
  }
}

/** Makes the metrics of one registry. */
export class Instruments {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  counter(name: string, help: string, labelNames: readonly string[]): Metric<Level> {
    return this.#register(new Metric({ name, help, type: 'counter', labelNames }, () => new Level()));
  }

  gauge(name: string, help: string, labelNames: readonly string[]): Metric<Level> {
    return this.#register(new Metric({ name, help, type: 'gauge', labelNames }, () => new Level()));
  }

  histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    labelNames: readonly string[] = [],
  ): Metric<Histogram> {
    return this.#register(new Metric({ name, help, type: 'histogram', labelNames }, () => new Histogram(bounds)));
  }

  /** A level that somebody else keeps. */
  reading(name: string, help: string, read: () => number): void {
    this.#register(new Metric({ name, help, type: 'gauge', labelNames: [] }, () => new Reading(read)));
  }

  /** Levels that somebody else keeps, of things that come and go: what `read` leaves out has no series any more. */
  readings(name: string, help: string, read: () => readonly LabelledValue[]): void {
    this.#register({
      name,
      get: () => ({
        name,
        help,
        type: 'gauge',
        values: read().map(({ labels, value }) => ({ metricName: name, labels, value })),
        aggregator: 'sum',
      }),
    });
  }

  /** A count that somebody else keeps. */
  total(name: string, help: string, read: () => number): void {
    this.#register(new Metric({ name, help, type: 'counter', labelNames: [] }, () => new Reading(read)));
  }

  #register<M extends Registrable>(metric: M): M {
    // The registry reads the name and calls `get`, and uses nothing else of a metric.
    this.#registry.registerMetric(metric as unknown as Gauge);
    return metric;
  }
}
