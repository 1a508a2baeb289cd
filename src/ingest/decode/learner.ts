/** Takes accepted lines apart into the literals and names that a shape consists of, as long as that is of use. */
import type { FieldNames } from './event-draft.ts';
import { elementEnd, skipSpace } from './json-body.ts';
import type { Text } from './padded.ts';
import type { ShapeStep, ShapeTree } from './shape.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Lines in a row that taught nothing (arrays, a new order of keys every time) before only a sample is looked at. */
const FRUITLESS_LINES_MAX = 64;
const SAMPLED_LINES = 64;
/** Samples in a row that taught nothing before the tree, which may be full of bygone programs, is emptied. */
const FRUITLESS_SAMPLES_MAX = 64;

export class ShapeLearner {
  readonly #tree: ShapeTree;
  readonly #renamed: FieldNames | undefined;
  #fruitless = 0;
  #skipped = 0;

  constructor(tree: ShapeTree, renamed?: FieldNames) {
    this.#tree = tree;
    this.#renamed = renamed;
  }

  /** Takes the line `[from, to)` into account: one that the fallback accepted and the tree did not know. */
  consider(text: Text, from: number, to: number): void {
    if (this.#fruitless >= FRUITLESS_LINES_MAX && ++this.#skipped % SAMPLED_LINES !== 0) return;
    const steps = shapeSteps(text, from, to, this.#renamed);
    if (steps !== undefined && this.#tree.learn(text.bytes, steps)) {
      this.#fruitless = 0;
    } else if (++this.#fruitless === FRUITLESS_LINES_MAX + FRUITLESS_SAMPLES_MAX) {
      this.#tree.forget();
      this.#fruitless = 0;
    }
  }
}

/**
 * The steps of the JSON object `[from, to)`, which the fallback has accepted; undefined if its shape is not worth or not
 * safe to be kept: it holds an array, a name that is escaped or comes twice, or a line feed between its values.
 */
function shapeSteps(
  text: Text,
  from: number,
  to: number,
  renamed: FieldNames | undefined,
): ShapeStep[] | undefined {
  const { bytes } = text;
  const steps: ShapeStep[] = [];
  const names = new Set<string>();
  /** Names of the objects that are open, the event itself without one. */
  const path: string[] = [];
  let depth = 0;
  let literal = from;
  let at = from;
  while (at < to) {
    at = skipSpace(bytes, at, to);
    const byte = bytes[at];
    if (byte === 0x7b) {
      depth++;
      at++;
    } else if (byte === 0x7d) {
      depth--;
      path.length = Math.max(0, depth - 1);
      at++;
      if (depth === 0) break;
    } else if (byte === 0x2c) {
      at++;
    } else {
      const nameEnd = plainStringEnd(bytes, at, to);
      if (nameEnd === -1) return undefined;
      const key = bytes.toString('utf8', at + 1, nameEnd);
      at = skipSpace(bytes, nameEnd + 1, to); // its colon
      at = skipSpace(bytes, at + 1, to);
      if (bytes[at] === 0x5b) return undefined;
      const full = depth === 1 ? key : `${path.slice(0, depth - 1).join('.')}.${key}`;
      const name = renamed?.get(full) ?? full;
      if (names.has(name)) return undefined; // a later object undoes an earlier value too
      names.add(name);
      if (bytes[at] === 0x7b) {
        path[depth - 1] = key;
        continue;
      }
      if (bytes.subarray(literal, at).includes(0x0a)) return undefined;
      steps.push({ from: literal, to: at, name });
      at = valueEnd(text, at, to);
      literal = at;
    }
  }
  if (at !== to || bytes.subarray(literal, at).includes(0x0a)) return undefined;
  steps.push({ from: literal, to, name: undefined });
  return steps;
}

/** Place of the closing quote of the string that opens at `at`, -1 if it has an escape. */
function plainStringEnd(bytes: Uint8Array, at: number, to: number): number {
  for (let end = at + 1; end < to; end++) {
    if (bytes[end] === QUOTE) return end;
    if (bytes[end] === BACKSLASH) return -1;
  }
  return -1;
}

/** End of the scalar that starts at `at`, without the space behind it. */
function valueEnd(text: Text, at: number, to: number): number {
  const { bytes } = text;
  let end = elementEnd(text, at, to);
  while (end > at && (bytes[end - 1] as number) <= 0x20) end--;
  return end;
}
