/**
 * MurmurHash3_x86_32, seed 0 (Austin Appleby, public domain; SMHasher verification value 0xB0F57EE3).
 * It places events into partitions, so it is a format: it must never change. Its steps are exported because the
 * shape path computes it four bytes at a time while it looks for a string's end.
 */

/** A row without a partition key; `placeableHash` never answers it. */
export const NO_PARTITION_HASH = 0;

/** Reserves 0 for "no key": a hash of 0 becomes 1. */
export const placeableHash = (hash: number): number => (hash === NO_PARTITION_HASH ? 1 : hash);

/** Bytes `[from, to)` as a signed 32-bit integer. Reads up to 3 bytes behind `to`, which must exist. */
export function hashBytes(view: DataView, from: number, to: number): number {
  let hash = 0;
  let at = from;
  for (const whole = to - 3; at < whole; at += 4) hash = hashBlock(hash, view.getInt32(at, true));
  const rest = to - at;
  const tail = rest === 0 ? 0 : view.getInt32(at, true) & ((1 << (rest << 3)) - 1);
  return hashFinish(hash, tail, to - from);
}

/** Mixes four bytes (little-endian) in. */
export function hashBlock(hash: number, block: number): number {
  let k = Math.imul(block, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const mixed = hash ^ k;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Mixes the last 0 to 3 bytes (the others zero) and the length in. */
export function hashFinish(hash: number, tail: number, length: number): number {
  let k = Math.imul(tail, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  let h = hash ^ k ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
