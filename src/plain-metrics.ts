/** Metrics of numbers that are counted elsewhere. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { TimeCounts } from './model/time-histogram.ts';

type Kind = 'counter' | 'gauge';
type Described<T> = { readonly [K in keyof T]?: readonly [kind: Kind, name: string, help: string] };

/** Metrics that are a field of a reported record each; values with the same labels are added up. */
export function plainNumbers<T>(
  registry: Registry,
  described: Described<T>,
  label?: string,
): (all: readonly T[], labelsOf: (record: T) => Record<string, string>) => void {
  const labelNames = label === undefined ? [] : [label];
  const fields = Object.keys(described) as (keyof T)[];
  const metrics = fields.map((field) => {
    const [kind, suffix, help] = described[field] ?? ['gauge', String(field), ''];
    const options = { name: `streamgauge_${suffix}`, help, labelNames, registers: [registry] };
    return { field, metric: kind === 'counter' ? new Counter(options) : new Gauge(options) };
  });
  return (all, labelsOf) => {
    for (const { field, metric } of metrics) {
      metric.reset();
      for (const record of all) metric.inc(labelsOf(record), Number(record[field]));
    }
  };
}

export interface HistogramText {
  readonly name: string;
  readonly help: string;
  readonly series: readonly (TimeCounts & { readonly labels: Readonly<Record<string, string>> })[];
}

/** In Prometheus' text form, because the client's histogram can only observe, not take over buckets that are counted. */
export function histogramText({ name: suffix, help, series }: HistogramText): string {
  const name = `streamgauge_${suffix}`;
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const { labels, boundsMs, buckets, sumMs } of series) {
    const own = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const of = (more: readonly string[] = []): string => {
      const all = [...own, ...more];
      return all.length === 0 ? '' : `{${all.join()}}`;
    };
    let count = 0;
    for (const [i, inBucket] of buckets.entries()) {
      count += inBucket;
      lines.push(`${name}_bucket${of([`le="${boundsMs[i] ?? '+Inf'}"`])} ${count}`);
    }
    lines.push(`${name}_sum${of()} ${sumMs}`, `${name}_count${of()} ${count}`);
  }
  return `${lines.join('\n')}\n`;
}
