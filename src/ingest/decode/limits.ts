/** Every bound of decoding, with the reason for its value. Tests and configuration may pass others. */

const KIB = 1024;
const MIB = 1024 * KIB;

export interface DecodeLimits {
  /** One NDJSON line, array element or msgpack value. */
  readonly lineBytesMax: number;
  /** Values of one event after flattening, nulls included. */
  readonly fieldsMax: number;
  /** UTF-8 bytes of a flattened name such as `context.page.path`. */
  readonly fieldNameBytesMax: number;
  /** UTF-8 bytes of one string, or of the JSON text of one array. */
  readonly valueBytesMax: number;
  /** Nesting of objects and arrays; the event itself is level 1. */
  readonly depthMax: number;
  /** Rows of one batch. Larger batches compress better, smaller ones answer sooner. */
  readonly batchRowsMax: number;
  /** Columns of one batch: what keeps a sender of random field names from making a column per event. */
  readonly batchColumnsMax: number;
  /** Rows times columns of one batch: a packed cell takes at most 8 bytes and a bit. */
  readonly batchCellsMax: number;
  /** String bytes that the rows of one batch may bring. */
  readonly batchBytesMax: number;
  /** Rejected lines of one body that are kept with their reason; the count of all stays exact. */
  readonly rejectionsKeptMax: number;
  /** Raw bytes kept of a rejected line. */
  readonly rejectedBytesMax: number;
  /**
   * Bytes of NDJSON, lines and rejections of one piece: what is decoded before others are served. Usual lines reach
   * the first two together, in 2 to 5 ms; a rejection costs up to 10 us, most of it V8's words about broken JSON.
   */
  readonly pieceBytesMax: number;
  readonly pieceLinesMax: number;
  readonly pieceRejectionsMax: number;
}

/**
 * Cells, batch bytes and the bytes that dictionaries may keep (`DICTIONARY_BYTES_MAX`) together stay below
 * `BLOCK_BYTES_MAX`, so that a batch always fits into one block: 6.4 + 6 + 2 MiB and the column directory.
 */
export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  lineBytesMax: MIB,
  fieldsMax: 256,
  fieldNameBytesMax: 128,
  valueBytesMax: 64 * KIB,
  depthMax: 16,
  batchRowsMax: 65_536,
  batchColumnsMax: 1024,
  batchCellsMax: 786_432,
  batchBytesMax: 6 * MIB,
  rejectionsKeptMax: 100,
  rejectedBytesMax: 4 * KIB,
  pieceBytesMax: MIB,
  pieceLinesMax: 4_096,
  pieceRejectionsMax: 512,
};

/** Bytes that the dictionaries of one stream may carry from batch to batch before they are emptied. */
export const DICTIONARY_BYTES_MAX = 2 * MIB;
