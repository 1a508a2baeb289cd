/**
 * What stretches of an answer are made of, as stamps: an equal stamp, equal rows. To be taken behind what partitions answer and before labels
 * are read: then the labels of all series in rows that a stamp stands for are known when they are merged.
 */
import { CELL_BUCKETS } from '../../storage/state/row-writes.ts';
import { type PartitionSource, rowSetKey } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { RowWriteCounts } from './ports.ts';
import type { MeasureRequest } from './request.ts';
import { stretchAt } from './steps.ts';
import { floorTo } from './time.ts';

export interface Stamp {
  /** Which partition's tier has which part of the stretch. */
  readonly layout: string;
  /** How often rows there have been written. */
  readonly writes: number;
}

/** One tier's part of the range in one partition. */
interface CountedSpan {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** By column group. */
  readonly counts: readonly ((fromMs: number, toMs: number) => number)[];
}

/** The part of a stretch, from its beginning on, that has not changed for a while. The rest is small. */
export interface Beginning {
  readonly fromMs: number;
  readonly endMs: number;
  readonly stamp: Stamp;
}

export interface Stamps {
  /** By place; undefined for a stretch that has changed since its rows were written. */
  readonly stretches: readonly (Stamp | undefined)[];
  /** Of the stretch in which time goes on, if it is long. */
  readonly beginning: Beginning | undefined;
}

/** Undefined where rows lie elsewhere. */
export function stampsOf(
  plan: Plan,
  parts: readonly PartitionSource[],
  writes: RowWriteCounts,
): Stamps | undefined {
  const spans = countedSpans(plan, parts, writes);
  if (spans === undefined) return undefined;
  const layouts = new Layouts(spans);
  const stampOf = (fromMs: number, endMs: number): Stamp => ({
    layout: layouts.of(fromMs, endMs),
    writes: countIn(spans, fromMs, endMs),
  });
  const changes = changedBuckets(plan, parts);
  const changed = new Set(changes.map((ms) => stretchAt(plan.edges, ms, 0, plan.edges.length - 1)));
  const stretches = plan.edges.slice(1).map((endMs, i) => {
    return changed.has(i) ? undefined : stampOf(plan.edges[i] as number, endMs);
  });
  return { stretches, beginning: beginningOf(plan, parts, changes, stampOf) };
}

function beginningOf(
  { edges, tiersMs, measures }: Plan,
  parts: readonly PartitionSource[],
  changes: readonly number[],
  stampOf: (fromMs: number, endMs: number) => Stamp,
): Beginning | undefined {
  const closedMs = Math.min(...parts.map(({ watermarkMs }) => watermarkMs));
  if (!measures.every(isOrderless) || !(closedMs > (edges[0] as number))) return undefined;
  const place = stretchAt(edges, closedMs, 0, edges.length - 1);
  const [fromMs, toMs] = [edges[place] as number, edges[place + 1] as number];
  // Of the finest tier, which answers where time goes on: of a coarser one nearly all might be left to be read.
  const cellMs = CELL_BUCKETS * (tiersMs.at(-1) as number);
  const unchangedMs = changes.reduce((a, b) => (b >= fromMs ? Math.min(a, b) : a), closedMs);
  const endMs = floorTo(unchangedMs, cellMs);
  if (endMs - fromMs < cellMs || endMs >= toMs) return undefined;
  return { fromMs, endMs, stamp: stampOf(fromMs, endMs) };
}

/**
 * Whether it comes out the same, to the last bit, in whatever order rows are merged: sums of fractions do not, and of many heaviest values
 * those that are left out may be others.
 */
const isOrderless = ({ op, field }: MeasureRequest): boolean =>
  op !== 'sum' && op !== 'avg' && op !== 'top' && !(op === 'rate' && field !== undefined);

function countedSpans(
  { tenant, rollup, groups }: Plan,
  parts: readonly PartitionSource[],
  writes: RowWriteCounts,
): CountedSpan[] | undefined {
  const counted: CountedSpan[] = [];
  for (const { partition, spans } of parts) {
    for (const { stepMs, fromMs, toMs } of spans) {
      const at = { partition, tenant, rollup: rollup.name, stepMs };
      const counts = groups.map((group) => writes.ofRows({ ...at, group }));
      if (!counts.every((count) => count !== undefined)) return undefined;
      counted.push({ name: `${partition}/${stepMs}`, fromMs, toMs, counts });
    }
  }
  return counted;
}

function countIn(spans: readonly CountedSpan[], fromMs: number, endMs: number): number {
  let sum = 0;
  for (const span of spans) {
    const [from, to] = [Math.max(fromMs, span.fromMs), Math.min(endMs, span.toMs)];
    if (from >= to) continue;
    for (const count of span.counts) sum += count(from, to);
  }
  return sum;
}

/** Of which a partition has rows that it has not written yet. */
function changedBuckets({ groups }: Plan, parts: readonly PartitionSource[]): number[] {
  const buckets: number[] = [];
  for (const { spans, changed } of parts) {
    for (const { stepMs, fromMs, toMs } of spans) {
      for (const group of groups) {
        for (const bucketMs of changed.get(rowSetKey(stepMs, group))?.keys() ?? []) {
          if (bucketMs >= fromMs && bucketMs < toMs) buckets.push(bucketMs);
        }
      }
    }
  }
  return buckets;
}

/** Between two moments at which some span begins or ends they are all the same: one text for all stretches there. */
class Layouts {
  readonly #moments: readonly number[];
  readonly #names: readonly string[];

  constructor(spans: readonly CountedSpan[]) {
    const moments = new Set(spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs]));
    this.#moments = [...moments].sort((a, b) => a - b);
    this.#names = this.#moments.map((atMs) =>
      spans
        .filter(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs)
        .map(({ name }) => name)
        .join(),
    );
  }

  of(fromMs: number, endMs: number): string {
    const moments = this.#moments;
    const first = stretchAt(moments, fromMs, 0, moments.length);
    let layout = this.#names[first] ?? '';
    for (let next = first + 1; (moments[next] ?? endMs) < endMs; next++) {
      layout += `;${moments[next]}:${this.#names[next]}`;
    }
    return layout;
  }
}
