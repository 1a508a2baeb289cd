/**
 * Columns of an answer as JSON, by blocks of its steps: who asks the same again gets most of the text that the last answer had, and to
 * write tens of thousands of numbers takes longer than all else about a wide answer. A block is known by its steps: those that have not changed
 * are the same objects in the next answer (`kept-stretches.ts`).
 */
import type { KeptStretches } from './kept-stretches.ts';
import type { StepValues } from './step-values.ts';

/**
 * Larger blocks make fewer pieces to be joined, smaller ones have less written anew where time goes on and where a sliding range
 * begins.
 */
const BLOCK_STEPS = 32;
/** Of a text and its place, beside its characters, which are digits. */
const TEXT_BYTES = 64;

export class StepBlock {
  /** Ascending, without any that the answer has between them. */
  readonly steps: readonly StepValues[];
  /** By column and output series, without brackets. */
  readonly #texts = new Map<string, Map<number, string>>();
  readonly #mayKeep: (block: StepBlock, bytes: number) => boolean;
  bytes = 0;

  constructor(
    steps: readonly StepValues[],
    mayKeep: (block: StepBlock, bytes: number) => boolean = () => false,
  ) {
    this.steps = steps;
    this.#mayKeep = mayKeep;
  }

  /** What `write` writes, of which it is told by the column and the output series alone what it is. */
  text(column: string, output: number, write: () => string): string {
    const known = this.#texts.get(column)?.get(output);
    if (known !== undefined) return known;
    const text = write();
    const bytes = TEXT_BYTES + text.length;
    if (!this.#mayKeep(this, bytes)) return text;
    const texts = this.#texts.get(column) ?? new Map<number, string>();
    this.#texts.set(column, texts.set(output, text));
    this.bytes += bytes;
    return text;
  }
}

/** The blocks of a question's newest answer of which all steps are kept. */
export class WrittenBlocks {
  readonly #stretches: KeptStretches;
  readonly #mayKeep: (bytes: number) => boolean;
  /** By place. */
  #blocks = new Map<number, StepBlock>();
  #bytes = 0;

  /**
   * @param stretches of the same question: steps that are not there would be kept by their blocks alone, and nobody would count them
   * @param mayKeep counts what is going to be kept, if there is room for it
   */
  constructor(stretches: KeptStretches, mayKeep: (bytes: number) => boolean) {
    this.#stretches = stretches;
    this.#mayKeep = mayKeep;
  }

  /** Of what is written. */
  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#blocks = new Map();
    this.#bytes = 0;
  }

  /** All steps of an answer, ascending: in blocks of the answer before where that had the same. */
  blocksOf(steps: readonly StepValues[], stepMs: number): StepBlock[] {
    const before = this.#blocks;
    this.clear();
    return Array.from(cutSteps(steps, stepMs), ([place, cut]) => {
      if (!cut.every((step) => this.#stretches.keeps(step))) return new StepBlock(cut);
      const known = before.get(place);
      const isKnown = known !== undefined && isSame(known.steps, cut);
      const block = isKnown ? known : this.#blockOf(place, cut);
      this.#blocks.set(place, block);
      this.#bytes += block.bytes;
      return block;
    });
  }

  #blockOf(place: number, steps: readonly StepValues[]): StepBlock {
    return new StepBlock(steps, (block, bytes) => {
      // Of an older answer, which somebody is still writing, nothing more is kept.
      if (this.#blocks.get(place) !== block || !this.#mayKeep(bytes)) return false;
      this.#bytes += bytes;
      return true;
    });
  }
}

/** By place, ascending. Places are the same in every answer, wherever its range begins. */
function cutSteps(steps: readonly StepValues[], stepMs: number): Map<number, StepValues[]> {
  const blocks = new Map<number, StepValues[]>();
  for (const step of steps) {
    const place = Math.floor(step.tMs / (BLOCK_STEPS * stepMs));
    const block = blocks.get(place);
    if (block === undefined) blocks.set(place, [step]);
    else block.push(step);
  }
  return blocks;
}

function isSame(a: readonly StepValues[], b: readonly StepValues[]): boolean {
  return a.length === b.length && a.every((step, i) => step === b[i]);
}
