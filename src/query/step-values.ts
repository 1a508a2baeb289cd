/**
 * What each series has in one step, packed: an answer in the making. A live query keeps its steps, so that its next answer
 * merges only those whose rows have changed, and shares the points of all others with the answer before.
 */
import { createHash, type Hash } from 'node:crypto';
import type { AskedMeasure, StepAccumulator } from '../aggregate/merge.ts';
import type { Point } from './answer.ts';
import { LIVE_KEPT_NUMBERS_MAX } from './limits.ts';
import type { SeriesGroups } from './series-groups.ts';

export interface StepValues {
  readonly tMs: number;
  /** Shorter than the query's step only where the range ends. */
  readonly lengthMs: number;
  readonly restated: boolean;
  /** Output series that have something in the step, ascending. */
  readonly outputs: readonly number[];
  /** Per output and measure a value as stored (NaN: none) and its bound. */
  readonly numbers: Float64Array;
  /** By place in `outputs`: the point, once an answer has shown it. */
  readonly points: (Point | undefined)[];
}

export function readStep(
  tMs: number,
  lengthMs: number,
  step: StepAccumulator,
  measures: readonly AskedMeasure[],
): StepValues {
  const outputs = step.series();
  const numbers = new Float64Array(outputs.length * measures.length * 2);
  let at = 0;
  for (const output of outputs) {
    for (const measure of measures) {
      const { value, errorBound } = step.answer(output, measure);
      numbers[at++] = value ?? Number.NaN;
      numbers[at++] = errorBound;
    }
  }
  return { tMs, lengthMs, restated: step.restated > 0, outputs, numbers, points: [] };
}

/** Tells contents of a step apart: equal digests, equal rows. The order of the rows matters and is nearly always the same. */
export class StepDigests {
  readonly #hashes: Hash[];

  constructor(steps: number) {
    this.#hashes = Array.from({ length: steps }, () => createHash('sha1'));
  }

  add(step: number, partition: number, bucketMs: number, group: number, row: Uint8Array): void {
    this.#hashes[step]?.update(`${partition}/${bucketMs}/${group}/`).update(row);
  }

  read(): string[] {
    return this.#hashes.map((hash) => hash.digest('base64'));
  }
}

interface Kept {
  readonly digest: string;
  readonly values: StepValues;
}

/** The steps of a live query's last answer. */
export class KeptSteps {
  #steps = new Map<number, Kept>();
  #next = new Map<number, Kept>();
  #numbers = 0;
  #seriesMapped = 0;

  /** Series that were unknown when a row was merged were left out of it: with new ones nothing kept is good. */
  begin(groups: SeriesGroups): void {
    if (groups.mapped !== this.#seriesMapped) this.#steps.clear();
    this.#seriesMapped = groups.mapped;
    this.#next = new Map();
    this.#numbers = 0;
  }

  /** The step as it was merged from the same rows, if it is kept. */
  find(tMs: number, lengthMs: number, digest: string): StepValues | undefined {
    const kept = this.#steps.get(tMs);
    const isSame = kept?.digest === digest && kept.values.lengthMs === lengthMs;
    return isSame ? kept.values : undefined;
  }

  keep(digest: string, values: StepValues): void {
    this.#numbers += values.numbers.length;
    if (this.#numbers <= LIVE_KEPT_NUMBERS_MAX) this.#next.set(values.tMs, { digest, values });
  }

  clear(): void {
    this.#steps.clear();
  }

  /** What was not kept since `begin` is forgotten. */
  end(): void {
    this.#steps = this.#next;
  }
}
