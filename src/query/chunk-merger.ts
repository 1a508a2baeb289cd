/** Merges the rows of all partitions into the steps of one chunk of the range after the other. */
import { type AskedMeasure, StepAccumulator } from '../aggregate/merge.ts';
import { AppError } from '../model/errors.ts';
import { ROWS_MAX } from './limits.ts';
import type { PartitionSource } from './partition-source.ts';
import type { Plan } from './plan.ts';
import type { StoredRollups } from './ports.ts';
import type { Ranking } from './ranking.ts';
import { toAsked } from './request.ts';
import { scanPart } from './row-scan.ts';
import type { SeriesGroups } from './series-groups.ts';
import { type KeptSteps, readStep, StepDigests, type StepValues } from './step-values.ts';
import type { WorkMeter } from './work-meter.ts';

/** Whole steps of the query, but for the last one of the range. */
export interface Chunk {
  readonly fromMs: number;
  readonly toMs: number;
}

type StepVisitor = (
  step: number,
  bucketMs: number,
  group: number,
  row: Uint8Array,
  partition: number,
) => void;

export class ChunkMerger {
  readonly #plan: Plan;
  readonly #groups: SeriesGroups;
  readonly #parts: readonly PartitionSource[];
  readonly #stored: StoredRollups;
  readonly #ranking: Ranking;
  readonly #meter: WorkMeter;
  readonly #measures: readonly AskedMeasure[];
  /** One per merged step of a chunk, used again for the next: growing anew would cost more than merging. */
  readonly #accumulators: StepAccumulator[] = [];
  #rowsLeft = ROWS_MAX;

  constructor(
    plan: Plan,
    groups: SeriesGroups,
    parts: readonly PartitionSource[],
    stored: StoredRollups,
    ranking: Ranking,
    meter: WorkMeter,
  ) {
    this.#plan = plan;
    this.#groups = groups;
    this.#parts = parts;
    this.#stored = stored;
    this.#ranking = ranking;
    this.#meter = meter;
    this.#measures = plan.measures.map(toAsked);
  }

  /** Ascending. Throws `query_invalid` if all chunks together have too many rows. */
  async steps(chunk: Chunk, kept: KeptSteps | undefined): Promise<StepValues[]> {
    const length = Math.ceil((chunk.toMs - chunk.fromMs) / this.#plan.stepMs);
    const steps = Array.from({ length }, (_, i) => this.#stepAt(chunk, i));
    if (kept === undefined) return this.#merge(chunk, steps, []);
    const digests = await this.#digests(chunk, length);
    const known = steps.map(({ tMs, lengthMs }, i) =>
      kept.find(tMs, lengthMs, digests[i] as string),
    );
    // A row that changes from here on makes a digest that is already old: at worst the step is merged once more.
    const merged = await this.#merge(chunk, steps, known);
    for (const [i, values] of merged.entries()) kept.keep(digests[i] as string, values);
    return merged;
  }

  #stepAt({ fromMs, toMs }: Chunk, i: number): { tMs: number; lengthMs: number } {
    const { stepMs } = this.#plan;
    const tMs = fromMs + i * stepMs;
    return { tMs, lengthMs: Math.min(stepMs, toMs - tMs) };
  }

  async #digests(chunk: Chunk, length: number): Promise<string[]> {
    const digests = new StepDigests(length);
    await this.#visit(chunk, (step, bucketMs, group, row, partition) => {
      this.#countRow();
      digests.add(step, partition, bucketMs, group, row);
    });
    return digests.read();
  }

  /** Steps that are known already are taken as they are; only the stretch in which the others lie is read. */
  async #merge(
    chunk: Chunk,
    steps: readonly { readonly tMs: number; readonly lengthMs: number }[],
    known: readonly (StepValues | undefined)[],
  ): Promise<StepValues[]> {
    const wanted = steps.filter((_, i) => known[i] === undefined);
    const [first, last] = [wanted[0], wanted.at(-1)];
    if (first === undefined || last === undefined)
      return known.filter((step) => step !== undefined);
    const accumulators = this.#accumulatorsFor(steps, known);
    const stretch = { fromMs: first.tMs, toMs: last.tMs + last.lengthMs };
    const firstStep = (first.tMs - chunk.fromMs) / this.#plan.stepMs;
    await this.#visit(stretch, (step, _bucketMs, group, row, partition) => {
      const accumulator = accumulators[firstStep + step];
      if (accumulator === undefined) return;
      if (known.length === 0) this.#countRow();
      const outputOf = this.#groups.outputOf(partition);
      accumulator.add(group, row, outputOf);
      this.#ranking.addRow(group, row, outputOf);
    });
    return steps.map(({ tMs, lengthMs }, i) => {
      const accumulator = accumulators[i];
      if (accumulator === undefined) return known[i] as StepValues;
      return this.#meter.run(() => {
        const values = readStep(tMs, lengthMs, accumulator, this.#measures);
        accumulator.reset();
        return values;
      });
    });
  }

  #accumulatorsFor(
    steps: readonly unknown[],
    known: readonly (StepValues | undefined)[],
  ): (StepAccumulator | undefined)[] {
    let used = 0;
    return steps.map((_, i) => {
      if (known[i] !== undefined) return undefined;
      const at = used++;
      this.#accumulators[at] ??= new StepAccumulator(this.#plan.rollup);
      return this.#accumulators[at];
    });
  }

  async #visit({ fromMs, toMs }: Chunk, visit: StepVisitor): Promise<void> {
    const { stepMs } = this.#plan;
    for (const part of this.#parts) {
      await scanPart(this.#plan, part, this.#stored, fromMs, toMs, (bucketMs, group, row) => {
        const step = Math.floor((bucketMs - fromMs) / stepMs);
        this.#meter.run(() => visit(step, bucketMs, group, row, part.partition));
      });
    }
  }

  #countRow(): void {
    if (--this.#rowsLeft < 0) throw tooManyRows();
  }
}

const tooManyRows = (): AppError =>
  new AppError(
    'query_invalid',
    `the query reads more than ${ROWS_MAX} stored rows: use a larger step or a shorter range`,
  );
