/** Merges the rows of all partitions into the steps of one chunk of the range after the other. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BucketFold } from '../aggregate/bucket-fold.ts';
import { layoutOf } from '../aggregate/layout.ts';
import { StepAccumulator } from '../aggregate/merge.ts';
import { AppError } from '../model/errors.ts';
import type { Measure } from '../model/rollup.ts';
import { MERGE_SLICE_MS, ROWS_MAX, SLOTS_EXPECTED_MAX } from './limits.ts';
import type { PartitionSource } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { StoredRollups } from './ports.ts';
import type { Ranking } from './ranking.ts';
import { storedMeasure } from './request.ts';
import { PartsScan } from './row-scan.ts';
import type { SeriesGroups } from './series-groups.ts';
import { type KeptSteps, readStep, StepDigests, type StepValues } from './step-values.ts';
import { type PointWindow, pointAt, stretchAt } from './steps.ts';
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

type Stretch = Pick<Chunk, 'fromMs' | 'toMs'>;

export const scanOf = ({ plan, parts, stored }: ChunkRows, { fromMs, toMs }: Stretch): PartsScan =>
  new PartsScan(plan, parts, stored, fromMs, toMs);

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

  constructor(source: ChunkRows, groups: SeriesGroups, ranking: Ranking, meter: WorkMeter) {
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

  /** Ascending. `kept` is for points that are stretches. Throws `query_invalid` if all chunks together have too many rows. */
  async steps(chunk: Chunk, kept: KeptSteps | undefined): Promise<StepValues[]> {
    const { edges } = this.#plan;
    const length = chunk.end - chunk.first;
    const stretches = Array.from({ length }, (_, i) => pointAt({ edges }, chunk.first + i));
    if (kept === undefined) return this.#merge(chunk, stretches, []);
    const digests = await this.#digests(chunk, length);
    const known = stretches.map((stretch, i) => kept.find(stretch, digests[i] as string));
    // A row that changes from here on makes a digest that is already old: at worst the step is merged once more.
    const merged = await this.#merge(chunk, stretches, known);
    for (const [i, values] of merged.entries()) kept.keep(digests[i] as string, values);
    return merged;
  }

  async #digests(chunk: Chunk, length: number): Promise<string[]> {
    const digests = new StepDigests(length);
    await this.#visit(chunk, (step, bucketMs, group, row, partition) => {
      this.#countRow(group);
      digests.add(step, partition, bucketMs, group, row);
    });
    return digests.read();
  }

  /** Stretches that are known already are taken as they are; only the time in which the others lie is read. */
  async #merge(
    chunk: Chunk,
    stretches: readonly PointWindow[],
    known: readonly (StepValues | undefined)[],
  ): Promise<StepValues[]> {
    const wanted = stretches.filter((_, i) => known[i] === undefined);
    const [first, last] = [wanted[0], wanted.at(-1)];
    if (first === undefined || last === undefined)
      return known.filter((step) => step !== undefined);
    const accumulators = this.#accumulatorsFor(stretches, known);
    const read = { ...chunk, fromMs: first.fromMs, toMs: last.endMs };
    await this.#visit(read, (stretch, _bucketMs, group, row, partition) => {
      const accumulator = accumulators[stretch];
      if (accumulator === undefined) return;
      if (known.length === 0) this.#countRow(group);
      const slotsOf = this.#groups.slotsOf(partition);
      for (const i of this.#takersOf(group)) {
        const slots = slotsOf[i] as Int32Array;
        accumulator.add(group, row, slots);
        this.#ranking.addRow(group, i, row, slots);
      }
    });
    const points: StepValues[] = [];
    let turnMs = this.#meter.ms;
    for (const [i, stretch] of stretches.entries()) {
      if (this.#meter.ms - turnMs > MERGE_SLICE_MS) {
        await nextTurn();
        turnMs = this.#meter.ms;
      }
      const accumulator = accumulators[i];
      if (accumulator === undefined) {
        points.push(known[i] as StepValues);
        continue;
      }
      this.#meter.run(() => {
        const ended = this.#windows?.add(chunk.first + i, accumulator);
        points.push(...(ended ?? [readStep(stretch, accumulator, this.#plan)]));
        accumulator.reset();
      });
    }
    this.#windows?.shrink();
    return points;
  }

  #accumulatorsFor(
    stretches: readonly unknown[],
    known: readonly (StepValues | undefined)[],
  ): (StepAccumulator | undefined)[] {
    const { rollup, conditions } = this.#plan;
    const slots = this.#groups.labels.length * conditions.length;
    const fold = () => new BucketFold(layoutOf(rollup), Math.min(slots, SLOTS_EXPECTED_MAX));
    let used = 0;
    return stretches.map((_, i) => {
      if (known[i] !== undefined) return undefined;
      const at = used++;
      this.#accumulators[at] ??= new StepAccumulator(rollup, this.#stored, fold());
      return this.#accumulators[at];
    });
  }

  async #visit(chunk: Chunk, visit: StretchVisitor): Promise<void> {
    const { edges } = this.#plan;
    const { first, end } = chunk;
    await this.#take(chunk).visit((partition, bucketMs, group, row) => {
      const stretch = stretchAt(edges, bucketMs, first, end) - first;
      this.#meter.run(() => visit(stretch, bucketMs, group, row, partition));
    });
  }

  #take(chunk: Stretch): PartsScan {
    const place = this.#ahead.findIndex(
      ({ fromMs, toMs }) => fromMs === chunk.fromMs && toMs === chunk.toMs,
    );
    const [ahead] = place < 0 ? [] : this.#ahead.splice(place, 1);
    return ahead ?? scanOf(this.#source, chunk);
  }

  /** Once for each condition that it is merged for. */
  #countRow(group: number): void {
    this.#rowsLeft -= this.#takersOf(group).length;
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
