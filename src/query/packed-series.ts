/**
 * The points of one series where they lie packed in the steps of an answer: cut into columns, or made into objects, when
 * somebody asks for either. A wide answer has tens of thousands of points, and objects of them cost more than all else.
 */
import type { Term } from '../model/expression.ts';
import type { MeasuredValue, Point } from './answer.ts';
import { evaluate } from './bounded-value.ts';
import type { ColumnTexts, PointColumns } from './columns.ts';
import type { Plan } from './plan.ts';
import { type StepValues, valueAt } from './step-values.ts';
import type { StepBlock } from './written-blocks.ts';

/** A part of the points: indexes `[from, to)`. */
interface Span {
  readonly from: number;
  readonly to: number;
}

export class PackedSeries implements PointColumns {
  readonly #plan: Plan;
  readonly #output: number;
  readonly #times: StepTimes;
  readonly #places: Uint32Array;

  /** @param places per step of `times` the place of the output series among its outputs */
  constructor(plan: Plan, output: number, times: StepTimes, places: Uint32Array) {
    this.#plan = plan;
    this.#output = output;
    this.#times = times;
    this.#places = places;
  }

  get t(): readonly number[] {
    return this.#times.t;
  }
  get end(): readonly number[] {
    return this.#times.end;
  }
  get values(): (number | null)[][] {
    return this.#plan.results.terms.map((term) => this.#valuesOf(term, this.#all));
  }
  get errorBounds(): number[][] {
    return this.#plan.results.terms.map((term) => this.#boundsOf(term, this.#all));
  }

  /** The same columns, each as JSON, and made when it is read. */
  get texts(): ColumnTexts {
    const { terms } = this.#plan.results;
    const times = this.#times;
    const values = () =>
      terms.map((term, i) => this.#written(`values/${i}`, (span) => this.#valuesOf(term, span)));
    const bounds = () =>
      terms.map((term, i) => this.#written(`bounds/${i}`, (span) => this.#boundsOf(term, span)));
    return {
      get t() {
        return times.tText;
      },
      get end() {
        return times.endText;
      },
      get values() {
        return `[${values().join()}]`;
      },
      get errorBounds() {
        return `[${bounds().join()}]`;
      },
    };
  }

  /** Of points. */
  get length(): number {
    return this.#places.length;
  }

  /** In which the point lies. Answers of a live query share the steps that have not changed, and then the point is the same. */
  stepAt(i: number): StepValues {
    return this.#times.stepAt(i);
  }

  /** Of results; but of measures where points are still to be filled: then it is made once for all answers that share it. */
  pointAt(i: number): Point {
    const step = this.stepAt(i);
    const place = this.#places[i] as number;
    const { points } = step;
    if (points === undefined) return this.#pointOf(step, place);
    points[place] ??= this.#pointOf(step, place);
    return points[place];
  }

  points(): Point[] {
    return Array.from(this.#places, (_, i) => this.pointAt(i));
  }

  get #all(): Span {
    return { from: 0, to: this.#places.length };
  }

  /** Of blocks that an answer before had written nothing is cut. */
  #written(column: string, cut: (span: Span) => readonly (number | null)[]): string {
    const parts = this.#times.blocks.map((placed) =>
      placed.block.text(column, this.#output, () => jsonInside(cut(placed))),
    );
    return joined(parts);
  }

  #valuesOf(term: Term, span: Span): (number | null)[] {
    return term.kind === 'measure'
      ? this.#measured(term.at, 0, span)
      : this.#evaluated(term, span, ({ value }) => value);
  }

  #boundsOf(term: Term, span: Span): number[] {
    return term.kind === 'measure'
      ? (this.#measured(term.at, 1, span) as number[])
      : this.#evaluated(term, span, ({ errorBound }) => errorBound);
  }

  /** Of a measure its values or its bounds, without an object for each: there may be tens of thousands. */
  #measured(measure: number, part: 0 | 1, { from, to }: Span): (number | null)[] {
    const stride = 2 * this.#plan.measures.length;
    const column: (number | null)[] = [];
    for (let i = from; i < to; i++) {
      const step = this.#times.stepAt(i);
      const number = step.numbers[(this.#places[i] as number) * stride + 2 * measure + part];
      const shown = (number as number) * this.#factorOf(step, measure);
      column.push(Number.isNaN(shown) ? null : shown);
    }
    return column;
  }

  #evaluated<T>(term: Term, { from, to }: Span, read: (value: MeasuredValue) => T): T[] {
    const { measures } = this.#plan;
    return Array.from(this.#places.subarray(from, to), (place, i) => {
      const step = this.#times.stepAt(from + i);
      const measured = measures.map((_, at) => this.#valueOf(step, place, at));
      return read(evaluate(term, measured));
    });
  }

  #pointOf(step: StepValues, place: number): Point {
    const { measures, results, fill } = this.#plan;
    const { tMs, endMs, answers } = step;
    const measured = measures.map((_, at) => {
      const value = this.#valueOf(step, place, at);
      const { buckets, entries } = answers[place * measures.length + at] ?? {};
      if (buckets !== undefined) return { ...value, buckets };
      return entries === undefined ? value : { ...value, entries };
    });
    const values = fill === undefined ? results.of(measured) : measured;
    return { t: tMs, end: endMs, values };
  }

  #valueOf(step: StepValues, place: number, measure: number): MeasuredValue {
    const { numbers } = step;
    const at = 2 * (place * this.#plan.measures.length + measure);
    const factor = this.#factorOf(step, measure);
    return valueAt(numbers[at] as number, numbers[at + 1] as number, factor);
  }

  #factorOf({ lengthMs }: StepValues, measure: number): number {
    return this.#plan.measures[measure]?.op === 'rate' ? 1_000 / lengthMs : 1;
  }
}

/** Which of a series' points lie in a block. */
interface PlacedBlock extends Span {
  readonly block: StepBlock;
}

/** The steps in which a series has a point. Many series have the same, and then share the arrays of their times. */
export class StepTimes {
  readonly #all: readonly StepValues[];
  readonly #indexes: Uint32Array;
  readonly #steps: readonly StepBlock[];
  #blocks: readonly PlacedBlock[] | undefined;
  #t: readonly number[] | undefined;
  #end: readonly number[] | undefined;
  #tText: string | undefined;
  #endText: string | undefined;

  /**
   * @param indexes ascending, into `all`
   * @param blocks all steps, once more
   */
  constructor(all: readonly StepValues[], indexes: Uint32Array, blocks: readonly StepBlock[]) {
    this.#all = all;
    this.#indexes = indexes;
    this.#steps = blocks;
  }

  stepAt(i: number): StepValues {
    return this.#all[this.#indexes[i] as number] as StepValues;
  }

  areAt(indexes: Uint32Array): boolean {
    const own = this.#indexes;
    if (own.length !== indexes.length) return false;
    for (let i = 0; i < own.length; i++) if (own[i] !== indexes[i]) return false;
    return true;
  }

  /** Those in which there is a point. */
  get blocks(): readonly PlacedBlock[] {
    this.#blocks ??= placed(this.#steps, this.#indexes);
    return this.#blocks;
  }

  get t(): readonly number[] {
    this.#t ??= Array.from(this.#indexes, (_, i) => this.stepAt(i).tMs);
    return this.#t;
  }
  get end(): readonly number[] {
    this.#end ??= Array.from(this.#indexes, (_, i) => this.stepAt(i).endMs);
    return this.#end;
  }
  get tText(): string {
    this.#tText ??= this.#written('t', ({ tMs }) => tMs);
    return this.#tText;
  }
  get endText(): string {
    this.#endText ??= this.#written('end', ({ endMs }) => endMs);
    return this.#endText;
  }

  #written(column: string, timeOf: (step: StepValues) => number): string {
    const parts = this.blocks.map(({ block, from, to }) => {
      const write = () =>
        jsonInside(Array.from({ length: to - from }, (_, i) => timeOf(this.stepAt(from + i))));
      // What only some series have is not looked for again.
      return to - from === block.steps.length ? block.text(column, 0, write) : write();
    });
    return joined(parts);
  }
}

function placed(blocks: readonly StepBlock[], indexes: Uint32Array): PlacedBlock[] {
  const found: PlacedBlock[] = [];
  let [from, end] = [0, 0];
  for (const block of blocks) {
    end += block.steps.length;
    let to = from;
    while (to < indexes.length && (indexes[to] as number) < end) to++;
    if (to > from) found.push({ block, from, to });
    from = to;
  }
  return found;
}

/**
 * As `JSON.stringify` writes the array, without its brackets, in a third of the time: V8 remembers texts of numbers here, and times are
 * the same for each series and in the next answer.
 */
const jsonInside = (column: readonly (number | null)[]): string =>
  column.map((number) => (Number.isFinite(number) ? number : 'null')).join();

/** None of them is empty. */
const joined = (parts: readonly string[]): string => `[${parts.join()}]`;
