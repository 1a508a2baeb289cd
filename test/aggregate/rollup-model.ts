/**
 * What a rollup must hold, computed the naive way: every event is remembered with the rows that it belongs to. A row's
 * expected bytes come from one fold over all of its events at once, whatever way the real state took.
 */
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import { encodeRow, mergeRows } from '../../src/aggregate/bucket-row.ts';
import { layoutOf } from '../../src/aggregate/layout.ts';
import type { FoldCounts, RollupChanges, StoredRow } from '../../src/aggregate/rollup.ts';
import type { SeriesLabels } from '../../src/aggregate/series-index.ts';
import type { RowRange } from '../../src/aggregate/tiers.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { eventBlock, type PlainEvent } from './event-blocks.ts';

interface ModelRow {
  readonly events: PlainEvent[];
  readonly series: number[];
  /** When each counts. */
  readonly times: number[];
  /** Indices of events that came after the row's bucket had closed. */
  readonly late: number[];
}

export class RollupModel {
  readonly #def: RollupDefinition;
  readonly #rows = new Map<string, ModelRow>();
  readonly #series = new Map<string, number>();
  #watermarkMs = Number.NEGATIVE_INFINITY;

  constructor(def: RollupDefinition) {
    this.#def = def;
  }

  fold(
    events: readonly PlainEvent[],
    keep: Uint8Array | undefined,
    watermarkMs: number,
    nowMs: number,
  ): FoldCounts {
    const counts = { clamped: 0, expired: 0, filtered: 0, late: 0 };
    const meant = events.filter((event, i) => {
      if (keep?.[i] === 0) return false;
      const passes = this.#def.filter.every(({ field, in: values }) => {
        const label = labelOf(event, field);
        return label !== null && values.includes(label);
      });
      if (!passes) counts.filtered++;
      return passes;
    });
    for (const event of meant) {
      const series = this.#seriesOf(event);
      const ts = typeof event['ts'] === 'number' ? event['ts'] : nowMs;
      const time = ts > nowMs + 60_000 ? nowMs : ts;
      if (time !== ts) counts.clamped++;
      this.#addEvent(event, series, time, nowMs, counts);
    }
    this.advance(watermarkMs);
    return counts;
  }

  advance(watermarkMs: number): void {
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs);
  }

  /** Every row, as it must be stored once all buckets are closed: `step/bucket/group` -> hex. */
  stored(): Map<string, string> {
    const stored = new Map<string, string>();
    for (const [key, { events, series, times, late }] of this.#rows) {
      const columns = new BlockColumns().load(eventBlock(events, { arrivalMs: 0 }));
      const encode = (indices: readonly number[]) => {
        const fold = new BucketFold(layoutOf(this.#def));
        const rows = Uint32Array.from(indices);
        fold.addRows(
          columns,
          Float64Array.from(times),
          rows,
          0,
          rows.length,
          Uint32Array.from(series),
        );
        return (group: number, restated: number) => encodeRow(fold, group, restated);
      };
      const all = encode([...events.keys()]);
      const amended = encode(late);
      for (let group = 0; group <= layoutOf(this.#def).sketches.length; group++) {
        const touched = late.length > 0 && amended(group, 0) !== undefined;
        const row = all(group, touched ? late.length : 0);
        if (row !== undefined) stored.set(`${key}/${group}`, hex(row));
      }
    }
    return stored;
  }

  series(): Map<number, string> {
    return new Map(Array.from(this.#series, ([labels, id]) => [id, labels]));
  }

  #addEvent(
    event: PlainEvent,
    series: number,
    time: number,
    nowMs: number,
    counts: { expired: number; late: number },
  ): void {
    const { resolutions } = this.#def;
    const edge = this.#watermarkMs - this.#def.latenessMs;
    // A coarser bucket is closed when the finest bucket that ends with it is.
    const closed = resolutions.map(({ stepMs }) => {
      const finest = resolutions[0]?.stepMs ?? 1;
      const end = Math.floor(time / stepMs) * stepMs + stepMs;
      return end <= Math.floor(edge / finest) * finest;
    });
    const late = closed[0] === true;
    const held = resolutions.map(({ stepMs, retentionMs }, tier) => {
      const end = Math.floor(time / stepMs) * stepMs + stepMs;
      return end + retentionMs > nowMs || closed[tier + 1] === false;
    });
    const from = late ? held.indexOf(true) : 0;
    if (from < 0) {
      counts.expired++;
      return;
    }
    if (late) counts.late++;
    resolutions.forEach(({ stepMs }, tier) => {
      if (tier < from) return;
      const key = `${stepMs}/${Math.floor(time / stepMs) * stepMs}`;
      const row = this.#rows.get(key) ?? { events: [], series: [], times: [], late: [] };
      if (closed[tier]) row.late.push(row.events.length);
      row.events.push(event);
      row.series.push(series);
      row.times.push(time);
      this.#rows.set(key, row);
    });
  }

  #seriesOf(event: PlainEvent): number {
    const labels = this.#def.dimensions.map((field) => labelOf(event, field));
    const key = JSON.stringify(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= this.#def.seriesMax) return 0;
    this.#series.set(key, this.#series.size + 1);
    return this.#series.size;
  }
}

/** What RocksDB would hold. */
export class RowStore {
  readonly rows = new Map<string, StoredRow>();
  readonly series: SeriesLabels[] = [];

  apply({ rows, newSeries }: RollupChanges): void {
    for (const { stepMs, bucketMs, group, bytes, mode } of rows) {
      const key = `${stepMs}/${bucketMs}/${group}`;
      const stored = this.rows.get(key);
      const merged =
        mode === 'put' || stored === undefined ? bytes : mergeRows(stored.bytes, bytes);
      this.rows.set(key, { stepMs, bucketMs, group, bytes: merged });
    }
    this.series.push(...newSeries);
  }

  within(ranges: readonly RowRange[]): StoredRow[] {
    return [...this.rows.values()].filter((row) =>
      ranges.some(
        (range) =>
          range.stepMs === row.stepMs && row.bucketMs >= range.fromMs && row.bucketMs < range.toMs,
      ),
    );
  }

  hex(): Map<string, string> {
    return new Map(Array.from(this.rows, ([key, { bytes }]) => [key, hex(bytes)]));
  }
}

export const sorted = (map: ReadonlyMap<string, string>): [string, string][] =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1));

function labelOf(event: PlainEvent, field: string): string | null {
  const value = event[field] ?? null;
  return value === null ? null : String(value);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
