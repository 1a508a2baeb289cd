/** Kafka's record batch of format 2: https://kafka.apache.org/documentation/#recordbatch */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import { UNPACKED_BATCH_BYTES_MAX } from '../limits.ts';

/** Byte offsets in a batch. `length` counts from `leaderEpoch`, `crc` covers all from `attributes`. */
export const AT = {
  baseOffset: 0, // i64
  length: 8, // i32
  leaderEpoch: 12, // i32
  magic: 16, // i8
  crc: 17, // u32
  attributes: 21, // i16
  lastOffsetDelta: 23, // i32
  baseTimestamp: 27, // i64
  maxTimestamp: 35, // i64
  producerId: 43, // i64
  producerEpoch: 51, // i16
  sequence: 53, // i32
  count: 57, // i32
} as const;
export const HEADER_BYTES = 61;
export const MAGIC = 2;
/** Bits of the attributes. */
const COMPRESSION_BITS = 0b111;
export const APPEND_TIME = 1 << 3;
export const TRANSACTIONAL = 1 << 4;
export const CONTROL = 1 << 5;
const COMPRESSION = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** The records of a batch. With a bound where the codec has one: a megabyte of zstd may stand for gigabytes. */
export function unpacked(bytes: Buffer, attributes: number): Buffer {
  const maxOutputLength = UNPACKED_BATCH_BYTES_MAX;
  const compression = attributes & COMPRESSION_BITS;
  if (compression === COMPRESSION.none) return bytes;
  if (compression === COMPRESSION.gzip) return gunzipSync(bytes, { maxOutputLength });
  if (compression === COMPRESSION.zstd) return zstdDecompressSync(bytes, { maxOutputLength });
  const algorithm = compressionsAlgorithmsByBitmask[compression];
  if (algorithm === undefined) throw new Error(`compression ${compression} is not known`);
  return algorithm.decompressSync(bytes);
}
