/**
 * One frozen rollup as it is followed: per partition what it has told so far, and what of that waits until the others have told
 * the same buckets. Does no IO: what it needs it says, what it is given it takes.
 */
import { OVERFLOW_LABEL, OVERFLOW_SERIES } from '../aggregate/series-index.ts';
import { bucketOf, closedTo, tierOf } from '../aggregate/tiers.ts';
import type { GroupLabels, PartialBucket, PartialRow, RollupTicks } from '../model/partials.ts';
import { identityOf, type RollupDefinition } from '../model/rollup.ts';
import { SPAN_BYTES_MAX, SPAN_STEPS, STEPS_AHEAD_MAX } from './limits.ts';
import type { PartialsAnswer, PartialsAsk, SeriesLabels } from './ports.ts';

/** A row of some tier, in the order of buckets, then column groups. */
export interface FeedRow {
  readonly bucketMs: number;
  readonly group: number;
  readonly bytes: Uint8Array;
}

/** Stored buckets that begin in `[fromMs, toMs)`. */
export interface StoredSpan {
  readonly stepMs: number;
  readonly fromMs: number;
  readonly toMs: number;
}

interface Source {
  readonly generation: number;
  readonly sinceMs: number;
  /** Every bucket before it has been told. */
  hasToMs: number;
  /** As the partition last said. */
  closedToMs: number;
  /** The partition's watermark up to which everything is stored, and has labels here. */
  storedMs: number;
  /** Told, and not handed out yet; ascending. */
  rows: FeedRow[];
  spanSteps: number;
  series: number;
  /** Series id -> group. */
  outputOf: Int32Array;
}

/** Asks for no rows, only where the rollup began. */
const NOTHING_FROM_MS = Number.MAX_SAFE_INTEGER;

export class FollowedRollup {
  readonly definition: RollupDefinition;
  readonly groups: GroupLabels[] = [];
  readonly #identity: string;
  readonly #stepMs: number;
  readonly #groupOf = new Map<string, number>();
  readonly #sources: (Source | undefined)[];
  #neededFromMs = Number.NEGATIVE_INFINITY;
  /** The next bucket to hand out; undefined until it is known where the rollup began. */
  #fromMs: number | undefined;

  constructor(definition: RollupDefinition, partitions: number, fromMs: number | undefined) {
    this.definition = definition;
    this.#identity = identityOf(definition);
    this.#stepMs = definition.resolutions[0]?.stepMs ?? 1;
    this.#sources = new Array<Source | undefined>(partitions).fill(undefined);
    this.#fromMs = fromMs === undefined ? undefined : bucketOf(Math.max(0, fromMs), this.#stepMs);
  }

  /** False if the partition cannot have anything new by now, or would only get further ahead. */
  isDue(partition: number, nowMs: number): boolean {
    const source = this.#sources[partition];
    if (source === undefined) return true;
    const slowestMs = this.#hasToMs() ?? this.#fromMs;
    if (slowestMs === undefined) return false;
    const { hasToMs, closedToMs } = source;
    if (hasToMs > slowestMs + STEPS_AHEAD_MAX * this.#stepMs) return false;
    // A watermark is never ahead of the clock.
    return hasToMs < closedToMs || nowMs >= closedToMs + this.#stepMs + this.definition.latenessMs;
  }

  ask(partition: number): PartialsAsk {
    const { name, tenant = '' } = this.definition;
    const source = this.#sources[partition];
    return {
      tenant,
      rollup: name,
      identity: this.#identity,
      fromMs: source?.hasToMs ?? NOTHING_FROM_MS,
      afterSeries: source?.series ?? 0,
      neededFromMs: this.#neededFromMs,
    };
  }

  release(fromMs: number): void {
    this.#neededFromMs = fromMs;
  }

  /** The partition has come to another node, which may have stored less; what was told stays true. */
  moved(partition: number): void {
    const source = this.#sources[partition];
    if (source !== undefined) source.storedMs = Number.NEGATIVE_INFINITY;
  }

  /** What must be read from the store before the answer can be accepted. */
  missing(partition: number, { generation, rowsFromMs, closedToMs }: PartialsAnswer) {
    const source = this.#sources[partition];
    if (source?.generation !== generation) return undefined;
    const fromMs = source.hasToMs;
    const storedToMs = Math.min(rowsFromMs, closedToMs);
    const toMs = Math.min(storedToMs, fromMs + source.spanSteps * this.#stepMs);
    const span: StoredSpan = { stepMs: this.#stepMs, fromMs, toMs };
    return fromMs < toMs ? span : undefined;
  }

  /**
   * Takes what a partition has told, and before it the rows of the span that was missing. `storedMs`: the watermark up to
   * which it has stored everything.
   */
  accept(
    partition: number,
    answer: PartialsAnswer,
    storedMs: number,
    span?: StoredSpan,
    spanRows: readonly FeedRow[] = [],
  ): void {
    const source = this.#sources[partition];
    if (source?.generation !== answer.generation) {
      this.#begin(partition, answer);
      return;
    }
    this.#name(source, answer.series);
    source.closedToMs = answer.closedToMs;
    if (source.series === answer.seriesCount) source.storedMs = storedMs;
    if (span !== undefined) {
      this.#take(source, spanRows, span.toMs);
      resize(source, spanRows);
    }
    if (source.hasToMs >= Math.min(answer.rowsFromMs, answer.closedToMs)) {
      this.#take(source, answer.rows, answer.closedToMs);
    }
  }

  /** What every partition has told by now, once. */
  next(): RollupTicks | undefined {
    const sinceMs = this.#sinceMs();
    if (sinceMs === undefined) return undefined;
    if (this.#fromMs === undefined) this.#startAt(this.#firstRowsMs(sinceMs));
    const fromMs = this.#fromMs as number;
    const closedToMs = this.#hasToMs() ?? fromMs;
    if (closedToMs <= fromMs) return undefined;
    const buckets = new BucketTable();
    for (const [partition, source] of this.#sources.entries()) {
      if (source === undefined) continue;
      const later = source.rows.findIndex(({ bucketMs }) => bucketMs >= closedToMs);
      const taken = source.rows.splice(0, later < 0 ? source.rows.length : later);
      for (const row of taken) buckets.add(row.bucketMs, this.#named(partition, source, row));
    }
    this.#fromMs = closedToMs;
    const { definition: rollup, groups } = this;
    return { rollup, sinceMs, fromMs, closedToMs, buckets: buckets.ascending(), groups };
  }

  /** Buckets of this step that end at or before it are stored in every partition, and their series have groups. */
  storedToMs(stepMs: number): number {
    const tier = tierOf(this.definition, stepMs);
    const edges = this.#sources.map((source) => {
      return closedTo(this.definition, source?.storedMs ?? Number.NEGATIVE_INFINITY)[tier] ?? 0;
    });
    return Math.min(...edges);
  }

  /** Stored rows of each partition, before `storedToMs`. */
  bucketsOf(rowsByPartition: readonly (readonly FeedRow[])[]): PartialBucket[] {
    const buckets = new BucketTable();
    for (const [partition, rows] of rowsByPartition.entries()) {
      const source = this.#sources[partition];
      if (source === undefined) continue;
      for (const row of rows) buckets.add(row.bucketMs, this.#named(partition, source, row));
    }
    return buckets.ascending();
  }

  /** The answer was asked for without knowing of this beginning: only that is taken from it. */
  #begin(partition: number, { generation, sinceMs }: PartialsAnswer): void {
    const outputOf = new Int32Array(16).fill(-1);
    outputOf[OVERFLOW_SERIES] = this.#group(this.definition.dimensions.map(() => OVERFLOW_LABEL));
    this.#sources[partition] = {
      generation,
      sinceMs,
      hasToMs: this.#fromMs ?? NOTHING_FROM_MS,
      closedToMs: Number.NEGATIVE_INFINITY,
      storedMs: Number.NEGATIVE_INFINITY,
      rows: [],
      spanSteps: SPAN_STEPS.first,
      series: 0,
      outputOf,
    };
  }

  #startAt(fromMs: number): void {
    this.#fromMs = fromMs;
    for (const source of this.#sources) if (source !== undefined) source.hasToMs = fromMs;
  }

  /** Undefined until all partitions have said so. */
  #sinceMs(): number | undefined {
    let sinceMs = Number.NEGATIVE_INFINITY;
    for (const source of this.#sources) {
      if (source === undefined) return undefined;
      sinceMs = Math.max(sinceMs, source.sinceMs);
    }
    return sinceMs;
  }

  /** The first bucket that can have any rows: events that are only just not late were counted as soon as it was declared. */
  #firstRowsMs(sinceMs: number): number {
    const stepMs = this.#stepMs;
    return Math.max(0, bucketOf(sinceMs - this.definition.latenessMs, stepMs) - stepMs);
  }

  /** What all partitions have told; undefined while one has told nothing. */
  #hasToMs(): number | undefined {
    let hasToMs = NOTHING_FROM_MS;
    for (const source of this.#sources) {
      if (source === undefined) return undefined;
      hasToMs = Math.min(hasToMs, source.hasToMs);
    }
    return hasToMs === NOTHING_FROM_MS ? undefined : hasToMs;
  }

  #take(source: Source, rows: readonly FeedRow[], toMs: number): void {
    for (const row of rows) if (row.bucketMs >= source.hasToMs) source.rows.push(row);
    source.hasToMs = Math.max(source.hasToMs, toMs);
  }

  #name(source: Source, series: readonly SeriesLabels[]): void {
    for (const { id, labels } of series) {
      if (id >= source.outputOf.length) source.outputOf = grown(source.outputOf, id + 1);
      source.outputOf[id] = this.#group(labels);
      source.series = id;
    }
  }

  #group(labels: GroupLabels): number {
    const key = JSON.stringify(labels);
    const known = this.#groupOf.get(key) ?? this.groups.push(labels) - 1;
    this.#groupOf.set(key, known);
    return known;
  }

  #named(partition: number, { outputOf }: Source, { group, bytes }: FeedRow): PartialRow {
    return { partition, group, bytes, outputOf };
  }
}

/** Rows come partition by partition, and stay in this order within their bucket. */
class BucketTable {
  readonly #rows = new Map<number, PartialRow[]>();

  add(bucketMs: number, row: PartialRow): void {
    const rows = this.#rows.get(bucketMs);
    if (rows === undefined) this.#rows.set(bucketMs, [row]);
    else rows.push(row);
  }

  ascending(): PartialBucket[] {
    const entries = [...this.#rows].sort(([a], [b]) => a - b);
    return entries.map(([bucketMs, rows]) => ({ bucketMs, rows }));
  }
}

function resize(source: Source, rows: readonly FeedRow[]): void {
  const bytes = rows.reduce((sum, row) => sum + row.bytes.byteLength, 0);
  const factor = bytes > SPAN_BYTES_MAX ? 1 / 2 : bytes < SPAN_BYTES_MAX / 8 ? 2 : 1;
  const steps = source.spanSteps * factor;
  source.spanSteps = Math.min(SPAN_STEPS.max, Math.max(SPAN_STEPS.min, steps));
}

function grown(map: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(Math.max(length, map.length * 2)).fill(-1);
  larger.set(map);
  return larger;
}
