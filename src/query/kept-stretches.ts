/**
 * What the stretches of an answer were merged to, for the next answer to the same question: of those whose rows have not changed nothing is
 * read or merged again. So do the query frontends of Thanos and Mimir with results of steps, which expire, and Druid with those of a
 * segment, which go with its version: here a stamp says whether they still hold.
 */
import { bytesOf as bytesOfRows, type MergedRows } from '../aggregate/merged-rows.ts';
import type { Stamp } from './row-stamps.ts';
import type { StepValues } from './step-values.ts';
import type { PointWindow } from './steps.ts';

type Ends = Pick<PointWindow, 'fromMs' | 'endMs'>;

/** Of a window, or of the beginning of a stretch: what is merged further. */
export interface MergedStretch {
  readonly rows: MergedRows;
  readonly restated: number;
}
/** Of a stretch that is a point. */
export interface StretchValues {
  readonly values: StepValues;
}
export type Stretch = MergedStretch | StretchValues;

export interface KeptStretch {
  readonly fromMs: number;
  readonly stamp: Stamp;
  readonly stretch: Stretch;
  /** Stored rows that it was merged from. */
  readonly rowsMerged: number;
  readonly bytes: number;
}

/** Of the objects around the numbers of a stretch. */
const STRETCH_BYTES = 400;

export class KeptStretches {
  readonly #bytesMax: number;
  /** By where they end: some begin where another does, and none ends there. */
  readonly #kept = new Map<number, KeptStretch>();
  #bytes = 0;
  /** Where the beginning ends that is kept. */
  #beginningEndMs: number | undefined;

  /** @param bytesMax what is past it is merged anew each time */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of an answer that is about to be made: once there is much, what lies outside goes. */
  begin(fromMs: number, toMs: number): void {
    if (2 * this.#bytes < this.#bytesMax) return;
    for (const [endMs, kept] of this.#kept) {
      if (kept.fromMs < fromMs || endMs > toMs) this.#drop(endMs);
    }
  }

  /** As it was merged from the same rows, if it is kept. */
  find({ fromMs, endMs }: Ends, stamp: Stamp): KeptStretch | undefined {
    const kept = this.#kept.get(endMs);
    const isSame =
      kept?.fromMs === fromMs &&
      kept.stamp.writes === stamp.writes &&
      kept.stamp.layout === stamp.layout;
    return isSame ? kept : undefined;
  }

  /** Whether these very values are kept. */
  keeps(values: StepValues): boolean {
    const stretch = this.#kept.get(values.endMs)?.stretch;
    return stretch !== undefined && 'values' in stretch && stretch.values === values;
  }

  keep({ fromMs, endMs }: Ends, stamp: Stamp, stretch: Stretch, rowsMerged: number): void {
    this.#drop(endMs);
    const bytes = STRETCH_BYTES + bytesOf(stretch);
    if (this.#bytes + bytes > this.#bytesMax) return;
    this.#kept.set(endMs, { fromMs, stamp, stretch, rowsMerged, bytes });
    this.#bytes += bytes;
  }

  /** As `keep`, of the beginning of a stretch: the one before it goes. */
  keepBeginning(ends: Ends, stamp: Stamp, merged: MergedStretch, rowsMerged: number): void {
    if (this.#beginningEndMs !== undefined) this.#drop(this.#beginningEndMs);
    this.#beginningEndMs = ends.endMs;
    this.keep(ends, stamp, merged, rowsMerged);
  }

  #drop(endMs: number): void {
    this.#bytes -= this.#kept.get(endMs)?.bytes ?? 0;
    this.#kept.delete(endMs);
  }
}

const bytesOf = (stretch: Stretch): number =>
  'rows' in stretch ? bytesOfRows(stretch.rows) : bytesIn(stretch.values);

/** A bucket is four numbers, and an entry with its value about eight. */
const bytesIn = ({ outputs, numbers, answers }: StepValues): number =>
  8 *
  answers.reduce(
    (sum, { buckets = [], entries = [] }) => sum + 4 * buckets.length + 8 * entries.length,
    outputs.length + numbers.length,
  );
