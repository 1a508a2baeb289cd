/**
 * What the rows of a block say about one field: of which kinds its values are, how many events have it, some of them, and registers
 * of a distinct count. By column: of a dictionary each entry is looked at once, however many rows have it.
 */
import { BOOLEAN } from '../model/columns.ts';
import type { BlockColumns } from './block-columns.ts';
import { type DistinctTable, packRegister } from './distinct-sketch.ts';
import { hashDouble } from './hash.ts';

export interface FieldLook {
  /** Events in which it is a text, a number, a boolean. */
  readonly texts: number;
  readonly numbers: number;
  readonly booleans: number;
  /** The first different ones, as text. */
  readonly samples: readonly string[];
}

export const SAMPLES_MAX = 5;
/** Of one sample: what is longer is cut, with an ellipsis at its end. */
export const SAMPLE_CHARS_MAX = 64;
/** UTF-8 has at most three bytes for a UTF-16 character. */
const SAMPLE_BYTES_MAX = (SAMPLE_CHARS_MAX + 1) * 3;

/** What stands for a boolean among numbers: no event has them, as JSON knows no infinity. */
const HASHED = { [BOOLEAN.false]: -Infinity, [BOOLEAN.true]: Infinity } as const;

const decoder = new TextDecoder();
let used = new Uint8Array(1_024);

/** Rows with a 0 in `keep` are left out. Raises registers of the slot in `distinct`. */
export function lookAtField(
  columns: BlockColumns,
  field: string,
  hasTexts: boolean,
  keep: Uint8Array | undefined,
  distinct: DistinctTable,
  slot: number,
): FieldLook {
  const { rows } = columns;
  const numbers = columns.numbers(field);
  const booleans = columns.source.booleans(field);
  const samples = new Set<string>();
  const raise = (low: number, high: number) => distinct.add(slot, packRegister(low, high));
  const counts = { texts: 0, numbers: 0, booleans: 0 };
  let last = Number.NaN;
  for (let row = 0; numbers !== undefined && row < rows; row++) {
    const value = numbers[row] as number;
    if (Number.isNaN(value) || keep?.[row] === 0) continue;
    counts.numbers += 1;
    if (value === last) continue;
    last = value;
    hashDouble(value, raise);
    if (samples.size < SAMPLES_MAX) samples.add(String(value));
  }
  for (let row = 0; booleans !== undefined && row < rows; row++) {
    const value = booleans[row];
    if ((value !== BOOLEAN.false && value !== BOOLEAN.true) || keep?.[row] === 0) continue;
    counts.booleans += 1;
    hashDouble(HASHED[value], raise);
    if (samples.size < SAMPLES_MAX) samples.add(String(value === BOOLEAN.true));
  }
  // Where the field has other kinds, too, they are among its labels.
  const texts = hasTexts ? columns.labels(field) : undefined;
  if (texts === undefined) return { ...counts, samples: [...samples] };
  const { codes, entries, low, high } = texts;
  if (used.length < entries.count) used = new Uint8Array(entries.count * 2);
  used.fill(0, 0, entries.count);
  for (let row = 0; row < rows; row++) {
    const i = (codes[row] as number) - 1;
    if (i < 0 || keep?.[row] === 0) continue;
    if (numbers !== undefined && !Number.isNaN(numbers[row])) continue;
    if (booleans !== undefined && booleans[row] !== BOOLEAN.absent) continue;
    counts.texts += 1;
    if (used[i] === 1) continue;
    used[i] = 1;
    raise(low[i] as number, high[i] as number);
    if (samples.size < SAMPLES_MAX) {
      const from = entries.offsets[i] as number;
      const to = Math.min(entries.offsets[i + 1] as number, from + SAMPLE_BYTES_MAX);
      samples.add(shortened(decoder.decode(entries.bytes.subarray(from, to))));
    }
  }
  return { ...counts, samples: [...samples] };
}

/** A character may be two: it is not cut in half. */
function shortened(text: string): string {
  if (text.length <= SAMPLE_CHARS_MAX) return text;
  return `${text.slice(0, SAMPLE_CHARS_MAX - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
