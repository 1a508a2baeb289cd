/**
 * Parquet's Bloom filters (parquet-format, BloomFilter.md): blocks of 32 bytes, one of which is asked for a value. They say for
 * certain that a value is not there; that it is there they say of some values that are not.
 */
import type { FilterPlace } from './footer.ts';

export const FILTER_BLOCK_BYTES = 32;

/** Of a text, as filters know it. */
export interface FilterHash {
  readonly high: number;
  readonly low: number;
}

const encoder = new TextEncoder();

export function filterHash(text: string): FilterHash {
  const hash = xxHash64(encoder.encode(text));
  return { high: Number(hash >> 32n), low: Number(hash & 0xffff_ffffn) };
}

/** Where the block for the value is in the file. The filter's header is shorter than a block, and all blocks are whole. */
export function blockOffset({ offset, length }: FilterPlace, { high }: FilterHash): number {
  const headerBytes = length % FILTER_BLOCK_BYTES;
  const blocks = (length - headerBytes) / FILTER_BLOCK_BYTES;
  const block = Math.floor((high * blocks) / 2 ** 32);
  return offset + headerBytes + block * FILTER_BLOCK_BYTES;
}

const SALT = [
  0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
];

/** False: none of the values has this hash. */
export function mayHold(block: DataView, { low }: FilterHash): boolean {
  return SALT.every((salt, i) => {
    const bit = Math.imul(low, salt) >>> 27;
    return ((block.getUint32(i * 4, true) >>> bit) & 1) === 1;
  });
}

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotated = (value: bigint, bits: bigint): bigint =>
  u64((value << bits) | (value >> (64n - bits)));
const round = (lane: bigint, word: bigint): bigint =>
  u64(rotated(u64(lane + word * PRIME_2), 31n) * PRIME_1);
const merged = (hash: bigint, lane: bigint): bigint =>
  u64((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4);

/** With the seed 0 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md). For some values, not for columns of them. */
export function xxHash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = PRIME_5;
  if (bytes.length >= 32) {
    let lanes = [PRIME_1 + PRIME_2, PRIME_2, 0n, -PRIME_1].map(u64);
    for (; at + 32 <= bytes.length; at += 32) {
      const from = at;
      lanes = lanes.map((lane, i) => round(lane, view.getBigUint64(from + i * 8, true)));
    }
    const [a = 0n, b = 0n, c = 0n, d = 0n] = lanes;
    hash = u64(rotated(a, 1n) + rotated(b, 7n) + rotated(c, 12n) + rotated(d, 18n));
    for (const lane of lanes) hash = merged(hash, lane);
  }
  hash = u64(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    const word = round(0n, view.getBigUint64(at, true));
    hash = u64(rotated(hash ^ word, 27n) * PRIME_1 + PRIME_4);
  }
  for (; at + 4 <= bytes.length; at += 4) {
    const word = BigInt(view.getUint32(at, true));
    hash = u64(rotated(hash ^ u64(word * PRIME_1), 23n) * PRIME_2 + PRIME_3);
  }
  for (; at < bytes.length; at++) {
    hash = u64(rotated(hash ^ u64(BigInt(view.getUint8(at)) * PRIME_5), 11n) * PRIME_1);
  }
  hash = u64((hash ^ (hash >> 33n)) * PRIME_2);
  hash = u64((hash ^ (hash >> 29n)) * PRIME_3);
  return hash ^ (hash >> 32n);
}
