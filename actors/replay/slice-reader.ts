/** Slices out of segments. While one is folded the next is being read: there are two of them, which take turns. */
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { KeyOrder } from './key-order.ts';
import { SLICE_ROWS_MAX, SLICE_TEXT_BYTES_MAX, TEXTS_MAX } from './limits.ts';
import { RowBatch } from './row-batch.ts';
import { SegmentGroups, type SegmentSource } from './segment-groups.ts';
import { fieldsOf, type SliceField } from './slice-columns.ts';
import { SliceRows } from './slice-rows.ts';
import type { Slice } from './slices.ts';
import { TextHashes, type Texts, TextTable } from './text-table.ts';

export interface LoadedSlice {
  /** What it took to load it. */
  readonly workedMs: number;
  /** One after the other by partition, in it by time. Each is overwritten by the next. To be read once. */
  batches(): AsyncGenerator<RowBatch>;
}

export class SliceReader {
  readonly #groups: SegmentGroups;
  readonly #batch: RowBatch;
  readonly #sorter = new KeyOrder();
  readonly #spare: SliceRows[] = [];
  readonly #fields: readonly SliceField[];
  readonly #texts: Texts[];

  /** `bytesMax`: of rows that are kept for later slices. */
  constructor(schema: StreamSchema, rollups: readonly RollupDefinition[], bytesMax: number) {
    const fields = fieldsOf(rollups, schema);
    const names = fields.map(({ field }) => field);
    this.#groups = new SegmentGroups(fields, bytesMax);
    this.#batch = new RowBatch(schema.tenant, schema.stream, names);
    this.#fields = fields;
    this.#texts = fields.map(() => new TextTable());
  }

  /** One call at a time. Undefined: the slice has too many rows, and must be cut. */
  async load(slice: Slice, sources: readonly SegmentSource[]): Promise<LoadedSlice | undefined> {
    const rows = this.#spare.pop() ?? new SliceRows(this.#texts.length);
    this.#renewTexts();
    rows.clear(slice, this.#texts);
    const isWhole = slice.toMs - slice.fromMs <= 1;
    const bytesMax = this.#textBytes + SLICE_TEXT_BYTES_MAX;
    let workedMs = 0;
    for await (const group of this.#groups.groupsOf(sources, slice)) {
      const startedMs = performance.now();
      rows.add(group);
      workedMs += performance.now() - startedMs + group.decodedMs;
      if (isWhole || (rows.count <= SLICE_ROWS_MAX && this.#textBytes <= bytesMax)) continue;
      this.#spare.push(rows);
      return undefined;
    }
    return { workedMs, batches: () => this.#batches(rows) };
  }

  async *#batches(rows: SliceRows): AsyncGenerator<RowBatch> {
    yield* rows.batches(this.#batch, this.#sorter);
    this.#spare.push(rows);
  }

  get #textBytes(): number {
    return this.#texts.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** With each batch all texts of a table are looked at, so that it must not become too large. */
  #renewTexts(): void {
    const isLarge = this.#textBytes > SLICE_TEXT_BYTES_MAX;
    for (const [i, { isCounted }] of this.#fields.entries()) {
      const texts = this.#texts[i];
      if (isCounted) this.#texts[i] = new TextHashes();
      else if (isLarge || texts === undefined || texts.count > TEXTS_MAX) {
        this.#texts[i] = new TextTable();
      }
    }
  }
}
