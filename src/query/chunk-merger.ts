/** Merges the rows of all partitions into the steps of one chunk of the range after the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BucketFold } from '../aggregate/bucket-fold.ts';
import { layoutOf } from '../aggregate/layout.ts';
import { StepAccumulator } from '../aggregate/merge.ts';
import { packFold } from '../aggregate/merged-rows.ts';
import { AppError } from '../model/errors.ts';
import type { Measure } from '../model/rollup.ts';
import type { KeptStretch, KeptStretches, Stretch } from './kept-stretches.ts';
import { MERGE_SLICE_MS, ROWS_MAX, SLOTS_EXPECTED_MAX } from './limits.ts';
import type { PartitionSource } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { StoredRollups } from './ports.ts';
import type { Ranking } from './ranking.ts';
import { storedMeasure } from './request.ts';
import { PartsScan } from './row-scan.ts';
import type { Beginning, Stamp, Stamps } from './row-stamps.ts';
import type { SeriesGroups } from './series-groups.ts';
import { readStep, type StepValues } from './step-values.ts';
import { type PointWindow, pointAt, stretchAt } from './steps.ts';
import { StretchDigests } from './stretch-digests.ts';
import { WindowPoints } from './window-points.ts';
import type { WorkMeter } from './work-meter.ts';

/** The plan's stretches `[first, end)`, and when they are. */
export interface Chunk {
  readonly first: number;
  readonly end: number;
  readonly fromMs: number;
  readonly toMs: number;
}

type StretchVisitor = (
  /** By its place in the chunk. */
  stretch: number,
  bucketMs: number,
  group: number,
  row: Uint8Array,
  partition: number,
) => void;

/** Where a chunk's rows come from. */
export interface ChunkRows {
  readonly plan: Plan;
  readonly parts: readonly PartitionSource[];
  readonly stored: StoredRollups;
}

type TimeSpan = Pick<Chunk, 'fromMs' | 'toMs'>;

export const scanOf = ({ plan, parts, stored }: ChunkRows, { fromMs, toMs }: TimeSpan): PartsScan =>
  new PartsScan(plan, parts, stored, fromMs, toMs);

/** What an answer spares the next one. */
export interface Keeping {
  readonly stretches: KeptStretches;
  /** Undefined: rows lie where nobody counts how often they are written, and are digested instead. */
  readonly stamps: Stamps | undefined;
  /** Answers share the points of measures, too: where each is filled anew. */
  readonly isShared: boolean;
}

/** By place in the chunk. */
interface Merged {
  /** Undefined for a stretch that is known. */
  readonly accumulators: readonly (StepAccumulator | undefined)[];
  /** Stored rows that each was merged from. */
  readonly rows: number[];
}

export class ChunkMerger {
  readonly #plan: Plan;
  readonly #groups: SeriesGroups;
  readonly #source: ChunkRows;
  readonly #ranking: Ranking;
  readonly #meter: WorkMeter;
  /** What points are made of where they are not stretches. */
  readonly #windows: WindowPoints | undefined;
  /** One per merged stretch of a chunk, used again for the next: growing anew would cost more than merging. */
  readonly #accumulators: StepAccumulator[] = [];
  #rowsLeft = ROWS_MAX;
  readonly #stored: readonly Measure[];
  /** By column group the places of the conditions that it is merged for. */
  readonly #takers: ReadonlyMap<number, readonly number[]>;
  /** Rows that are on their way, two chunks of them at most. */
  readonly #ahead: PartsScan[] = [];
  readonly #keeping: Keeping | undefined;

  constructor(
    source: ChunkRows,
    groups: SeriesGroups,
    ranking: Ranking,
    meter: WorkMeter,
    keeping?: Keeping,
  ) {
    this.#keeping = keeping;
    this.#plan = source.plan;
    this.#groups = groups;
    this.#source = source;
    this.#ranking = ranking;
    this.#meter = meter;
    const { windows, conditions, groups: wanted, measures } = source.plan;
    this.#stored = measures.map(storedMeasure);
    this.#takers = new Map(
      wanted.map((group) => [
        group,
        [...conditions.keys()].filter((i) => conditions[i]?.groups.includes(group)),
      ]),
    );
    this.#windows = windows && new WindowPoints(source.plan, windows);
  }

  /** The rows of a chunk that `steps` is asked for soon. */
  expect(rows: PartsScan): void {
    this.#ahead.push(rows);
  }

  /** What was expected and not asked for is not wanted any more. */
  close(): void {
    for (const rows of this.#ahead.splice(0)) rows.close();
  }

  /** Ascending. Throws `query_invalid` if all chunks together have too many rows. */
  async steps(chunk: Chunk): Promise<StepValues[]> {
    const { edges } = this.#plan;
    const length = chunk.end - chunk.first;
    const stretches = Array.from({ length }, (_, i) => pointAt({ edges }, chunk.first + i));
    const stamps = await this.#stampsOf(chunk);
    const known = stretches.map((stretch, i) => this.#known(stretch, stamps[i]));
    // A row that changes from here on makes a stamp that is already old: at worst the step is merged once more.
    const merged = await this.#merge(chunk, stretches, known);
    let turnMs = this.#meter.ms;
    const points: StepValues[] = [];
    for (const [i, stretch] of stretches.entries()) {
      if (this.#meter.ms - turnMs > MERGE_SLICE_MS) {
        await nextTurn();
        turnMs = this.#meter.ms;
      }
      const kept = known[i]?.stretch;
      if (kept !== undefined && 'values' in kept) {
        // Of an answer that was asked before nearly all are: nothing is to be measured.
        points.push(kept.values);
        continue;
      }
      this.#meter.run(() => {
        const made = kept ?? this.#make(stretch, merged.accumulators[i]);
        const stamp = kept === undefined ? stamps[i] : undefined;
        if (stamp) this.#keeping?.stretches.keep(stretch, stamp, made, merged.rows[i] as number);
        points.push(...this.#pointsOf(chunk.first + i, made));
      });
    }
    this.#windows?.shrink();
    return points;
  }

  /** What begins a longer stretch is no value of one that ends there. */
  #known(stretch: PointWindow, stamp: Stamp | undefined): KeptStretch | undefined {
    const kept = stamp && this.#keeping?.stretches.find(stretch, stamp);
    const isWanted = kept && 'values' in kept.stretch === (this.#windows === undefined);
    return isWanted ? kept : undefined;
  }

  /** By place in the chunk; empty if nothing is kept. */
  async #stampsOf(chunk: Chunk): Promise<readonly (Stamp | undefined)[]> {
    if (this.#keeping === undefined) return [];
    const { stamps } = this.#keeping;
    if (stamps !== undefined) return stamps.stretches.slice(chunk.first, chunk.end);
    const digests = new StretchDigests(chunk.end - chunk.first);
    await this.#visit(chunk, chunk, (step, bucketMs, group, row, partition) =>
      digests.add(step, partition, bucketMs, group, row),
    );
    return digests.stamps(this.#groups);
  }

  /** Of stretches that are known nothing is read. */
  async #merge(
    chunk: Chunk,
    stretches: readonly PointWindow[],
    known: readonly (KeptStretch | undefined)[],
  ): Promise<Merged> {
    const accumulators = this.#accumulatorsFor(known);
    const rows = known.map((each) => each?.rowsMerged ?? 0);
    for (const kept of rows) this.#countRows(kept);
    for (let first = 0; first < known.length; first++) {
      if (known[first] !== undefined) continue;
      let last = first;
      while (last + 1 < known.length && known[last + 1] === undefined) last++;
      const fromMs = (stretches[first] as PointWindow).fromMs;
      const toMs = (stretches[last] as PointWindow).endMs;
      await this.#mergeRun(chunk, { fromMs, toMs }, { accumulators, rows });
      first = last;
    }
    return { accumulators, rows };
  }

  /** Stretches of which none is known, but perhaps the beginning of one. */
  async #mergeRun(chunk: Chunk, { fromMs, toMs }: TimeSpan, into: Merged): Promise<void> {
    const beginning = this.#keeping?.stamps?.beginning;
    if (beginning === undefined || beginning.fromMs < fromMs || beginning.endMs >= toMs) {
      return this.#mergeTime(chunk, { fromMs, toMs }, into);
    }
    await this.#mergeTime(chunk, { fromMs, toMs: beginning.fromMs }, into);
    await this.#mergeBeginning(chunk, beginning, into);
    await this.#mergeTime(chunk, { fromMs: beginning.endMs, toMs }, into);
  }

  async #mergeBeginning(chunk: Chunk, beginning: Beginning, into: Merged): Promise<void> {
    const { stamp, fromMs, endMs } = beginning;
    const place = stretchAt(this.#plan.edges, fromMs, chunk.first, chunk.end) - chunk.first;
    const accumulator = into.accumulators[place] as StepAccumulator;
    const kept = this.#keeping?.stretches.find(beginning, stamp);
    if (kept === undefined || !('rows' in kept.stretch)) {
      await this.#mergeTime(chunk, { fromMs, toMs: endMs }, into);
      const merged = { rows: packFold(accumulator.fold), restated: accumulator.restated };
      this.#keeping?.stretches.keepBeginning(beginning, stamp, merged, into.rows[place] as number);
      return;
    }
    this.#countRows(kept.rowsMerged);
    into.rows[place] = kept.rowsMerged;
    const { rows, restated } = kept.stretch;
    this.#meter.run(() => accumulator.addMerged(rows, restated));
  }

  async #mergeTime(chunk: Chunk, time: TimeSpan, { accumulators, rows }: Merged): Promise<void> {
    if (time.fromMs === time.toMs) return;
    await this.#visit(chunk, time, (stretch, _bucketMs, group, row, partition) => {
      const takers = this.#takersOf(group).length;
      this.#countRows(takers);
      rows[stretch] = (rows[stretch] as number) + takers;
      this.#mergeRow(accumulators[stretch] as StepAccumulator, group, row, partition);
    });
  }

  #mergeRow(into: StepAccumulator, group: number, row: Uint8Array, partition: number): void {
    const slotsOf = this.#groups.slotsOf(partition);
    for (const i of this.#takersOf(group)) {
      const slots = slotsOf[i] as Int32Array;
      into.add(group, row, slots);
      this.#ranking.addRow(group, i, row, slots);
    }
  }

  #make(stretch: PointWindow, merged: StepAccumulator | undefined): Stretch {
    if (merged === undefined) throw new RangeError('a stretch is known or merged');
    try {
      if (this.#windows !== undefined) {
        return { rows: packFold(merged.fold), restated: merged.restated };
      }
      const values = readStep(stretch, merged, this.#plan);
      return { values: this.#keeping?.isShared === true ? { ...values, points: [] } : values };
    } finally {
      merged.reset();
    }
  }

  #pointsOf(place: number, stretch: Stretch): readonly StepValues[] {
    if ('values' in stretch) return [stretch.values];
    return this.#windows?.add(place, stretch.rows, stretch.restated > 0) ?? [];
  }

  #accumulatorsFor(known: readonly unknown[]): (StepAccumulator | undefined)[] {
    const { rollup, conditions } = this.#plan;
    const slots = this.#groups.labels.length * conditions.length;
    const fold = () => new BucketFold(layoutOf(rollup), Math.min(slots, SLOTS_EXPECTED_MAX));
    let used = 0;
    return known.map((each) => {
      if (each !== undefined) return undefined;
      const at = used++;
      this.#accumulators[at] ??= new StepAccumulator(rollup, this.#stored, fold());
      return this.#accumulators[at];
    });
  }

  /** The rows of a part of the chunk. */
  async #visit({ first, end }: Chunk, time: TimeSpan, visit: StretchVisitor): Promise<void> {
    const { edges } = this.#plan;
    await this.#take(time).visit((partition, bucketMs, group, row) => {
      const stretch = stretchAt(edges, bucketMs, first, end) - first;
      this.#meter.run(() => visit(stretch, bucketMs, group, row, partition));
    });
  }

  #take(time: TimeSpan): PartsScan {
    const place = this.#ahead.findIndex(
      ({ fromMs, toMs }) => fromMs === time.fromMs && toMs === time.toMs,
    );
    const [ahead] = place < 0 ? [] : this.#ahead.splice(place, 1);
    return ahead ?? scanOf(this.#source, time);
  }

  /** Each once for each condition that it is merged for, also when it was merged for an earlier answer. */
  #countRows(rows: number): void {
    this.#rowsLeft -= rows;
    if (this.#rowsLeft < 0) throw tooManyRows();
  }

  #takersOf(group: number): readonly number[] {
    return this.#takers.get(group) ?? [];
  }
}

const tooManyRows = (): AppError =>
  new AppError(
    'query_invalid',
    `the query reads more than ${ROWS_MAX} stored rows, each counted for every condition of its measures: ` +
      'use a larger step, a shorter range or fewer conditions',
  );
