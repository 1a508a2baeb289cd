/**
 * 64-bit hashes of byte strings as two 32-bit lanes, because JavaScript multiplies 32-bit integers fast and 64-bit ones
 * not at all. Each lane is MurmurHash3's 32-bit body (https://github.com/aappleby/smhasher, public domain) with
 * constants of its own; at the end the lanes are mixed into each other as its 128-bit form does.
 *
 * Stable for ever: HyperLogLog registers and duplicate windows on disk depend on it (golden values in the test).
 * Not keyed against an attacker who computes collisions; a seed only separates uses.
 */
import type { Entries } from '../model/columns.ts';

/** The seeds of label values, and so of distinct counts. Not zero: the empty text would hash to zero in both lanes. */
export const LABEL_SEED = { low: 0x9747b28c, high: 0x3c6ef372 } as const;

/** Writes the hash of entry `i` to `low[i]` and `high[i]`. */
export function hashEntries(
  entries: Entries,
  seedLow: number,
  seedHigh: number,
  low: Uint32Array,
  high: Uint32Array,
): void {
  const { offsets, bytes, count } = entries;
  // One load a word, wherever it begins, which V8 makes of a view's read and not of four bytes.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let from = offsets[0] as number;
  for (let i = 0; i < count; i++) {
    const to = offsets[i + 1] as number;
    let a = seedLow | 0;
    let b = seedHigh | 0;
    let at = from;
    for (const last = to - 4; at <= last; at += 4) {
      const word = view.getInt32(at, true);
      a ^= laneA(word);
      a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
      b ^= laneB(word);
      b = (Math.imul((b << 17) | (b >>> 15), 5) + 0x0bcaa747) | 0;
    }
    let tail = 0;
    for (let shift = 0; at < to; at++, shift += 8) tail |= (bytes[at] as number) << shift;
    const length = to - from;
    a = finalMix(a ^ laneA(tail) ^ length);
    b = finalMix(b ^ laneB(tail) ^ length);
    a = (a + b) | 0;
    b = (b + a) | 0;
    low[i] = finalMix(a);
    high[i] = finalMix(b);
    from = to;
  }
}

/** The register hashes of numbers and booleans come from their bits, for a number as text costs ten times as much. */
export function hashDouble(value: number, write: (low: number, high: number) => void): void {
  double[0] = value + 0; // -0 is 0.
  const a = finalMix((words[0] as number) ^ laneA((words[1] as number) ^ LABEL_SEED.low));
  const b = finalMix((words[1] as number) ^ laneB((words[0] as number) ^ LABEL_SEED.high));
  const low = (a + b) | 0;
  write(finalMix(low) >>> 0, finalMix((b + low) | 0) >>> 0);
}
const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

function laneA(word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
}

function laneB(word: number): number {
  const k = Math.imul(word, 0x239b961b);
  return Math.imul((k << 16) | (k >>> 16), 0xab0e9789);
}

function finalMix(h: number): number {
  let x = h ^ (h >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
