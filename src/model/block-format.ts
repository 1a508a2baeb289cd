/**
 * The fixed header of an event block: constants shared by writer, reader and log. Byte drawing:
 * storage/FORMAT.md. All integers little-endian; a block starts 8-byte aligned and its length is a multiple of 8.
 */
import { crc32 } from 'node:zlib';
import { AppError } from './errors.ts';

export const BLOCK_MAGIC = 0x31424753; // "SGB1"
export const BLOCK_VERSION = 1;
/** As `BLOCK_VERSION`, with rows that were erased (`block-eraser.ts`): a release that would count them refuses it. */
export const BLOCK_VERSION_ERASED = 2;
export const BLOCK_HEADER_BYTES = 80;
/**
 * Partitions one server may have. The header has room for 65,536; but each costs memory, and every answer merges a
 * part of each.
 */
export const PARTITIONS_MAX = 1_024;
/** In the header of a block that is no partition's: whoever reads passes over it. */
export const PARTITION_OF_NONE = 0xffff;
/** Upper bound of one block: a reader never has to hold more than this to make progress. */
export const BLOCK_BYTES_MAX = 16 * 1024 * 1024;

export const BLOCK_KIND = { events: 1, control: 2, heartbeat: 3, deadLetters: 4 } as const;
export type BlockKind = (typeof BLOCK_KIND)[keyof typeof BLOCK_KIND];

/** Byte offsets of the header fields. */
export const AT = {
  magic: 0, // u32
  length: 4, // u32, whole block with header and padding
  crc: 8, // u32, CRC-32 (ISO 3309) of bytes 12..length
  version: 12, // u8, 2 if rows were erased
  kind: 13, // u8
  partition: 14, // u16
  arrivalMs: 16, // f64
  producerEpoch: 24, // u32
  producerId: 28, // u32
  sequence: 32, // f64, integer < 2^53
  rows: 40, // u32
  received: 44, // u32, events that reached the edge for this block, accepted or not
  rejected: 48, // u32, of those, how many were refused
  columns: 52, // u32
  tsMinMs: 56, // f64
  tsMaxMs: 64, // f64
  tenantLength: 72, // u16
  streamLength: 74, // u16
  directory: 76, // u32, byte offset of the column directory
} as const;

/** Length of the block that starts at `at`, or undefined if there is no whole header of one. The block may end behind the view. */
export function blockLengthAt(view: DataView, at: number): number | undefined {
  if (at + BLOCK_HEADER_BYTES > view.byteLength) return undefined;
  if (view.getUint32(at + AT.magic, true) !== BLOCK_MAGIC) return undefined;
  const length = view.getUint32(at + AT.length, true);
  const sane = length >= BLOCK_HEADER_BYTES && length <= BLOCK_BYTES_MAX && length % 8 === 0;
  return sane ? length : undefined;
}

/** True if the checksum of the whole block `bytes[at, at + length)` holds. Reads every byte once. */
export function blockChecksumHolds(bytes: Uint8Array, at: number, length: number): boolean {
  const stored = new DataView(bytes.buffer, bytes.byteOffset + at, length).getUint32(AT.crc, true);
  return crc32(bytes.subarray(at + AT.version, at + length)) === stored;
}

/** Writes length, version and checksum: the last step of packing, after which the bytes are immutable. */
export function sealBlock(block: Uint8Array, version = BLOCK_VERSION): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  view.setUint32(AT.magic, BLOCK_MAGIC, true);
  view.setUint32(AT.length, block.byteLength, true);
  view.setUint8(AT.version, version);
  view.setUint32(AT.crc, crc32(block.subarray(AT.version)), true);
}

/** A block that says nothing to anybody, of as many bytes as the one in whose place it comes. */
export function voidBlock(length: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(length);
  const view = new DataView(block.buffer);
  view.setUint8(AT.kind, BLOCK_KIND.heartbeat);
  view.setUint16(AT.partition, PARTITION_OF_NONE, true);
  sealBlock(block);
  return block;
}

/** Throws `block_corrupt` or `block_version` with what was expected and received. */
export function checkBlock(
  block: Uint8Array,
  where: { path?: string; byteOffset?: number } = {},
): void {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const length = blockLengthAt(view, 0);
  if (length !== block.byteLength) {
    throw new AppError(
      'block_corrupt',
      `expected a block of ${block.byteLength} bytes, its header says ${length ?? 'that it is none'}`,
      where,
    );
  }
  if (!blockChecksumHolds(block, 0, length)) {
    throw new AppError('block_corrupt', 'the checksum of the block does not hold', where);
  }
  const version = view.getUint8(AT.version);
  if (version !== BLOCK_VERSION && version !== BLOCK_VERSION_ERASED) {
    throw new AppError(
      'block_version',
      `expected block version ${BLOCK_VERSION} or ${BLOCK_VERSION_ERASED}, received ${version}: run the release that wrote it, or a newer one`,
      where,
    );
  }
}
