/** The pages of a column in one row group, read and decompressed; large ones on libuv's threads, beside whatever goes on. */
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { CODEC, type ColumnPlace, readRange } from './row-groups.ts';
import { ThriftReader } from './thrift-reader.ts';

export interface Page {
  readonly isDictionary: boolean;
  /** Of the format; what is decoded is checked by whoever does it. */
  readonly encoding: number;
  readonly values: number;
  readonly bytes: Uint8Array;
}

export interface ColumnPages {
  readonly place: ColumnPlace;
  /** The dictionary comes first, if there is one. */
  readonly pages: readonly Page[];
}

// parquet.thrift: PageType. The second version of data pages is in no segment.
const PAGE = { data: 0, index: 1, dictionary: 2 } as const;
/** Handing a page to another thread takes about as long as decompressing this much of one. */
const ASIDE_BYTES = 64 * 1024;
/** The least that the decompressor takes for the room that it is given. */
const ROOM_BYTES_MIN = 64;

const decompressAside = promisify(zstdDecompress);

/** Throws a `RangeError` for pages that no segment has. */
export async function readPages(file: FileHandle, place: ColumnPlace): Promise<ColumnPages> {
  const bytes = await readRange(file, place.from, place.from + place.bytes);
  const pages: Promise<Page>[] = [];
  for (let at = 0, values = 0; values < place.values; ) {
    const header = readHeader(bytes.subarray(at));
    const from = at + header.bytes;
    at = from + header.stored;
    if (at > bytes.length) throw new RangeError('a page ends too early');
    if (header.type === PAGE.index) continue;
    const isDictionary = header.type === PAGE.dictionary;
    if (!isDictionary && header.type !== PAGE.data) {
      throw new RangeError(`a page of type ${header.type}`);
    }
    if (!isDictionary) values += header.values;
    const page = { isDictionary, encoding: header.encoding, values: header.values };
    const stored = bytes.subarray(from, at);
    pages.push(
      plainBytes(stored, place.codec, header.size).then((plain) => ({ ...page, bytes: plain })),
    );
  }
  return { place, pages: await Promise.all(pages) };
}

function readHeader(bytes: Uint8Array) {
  const header = { type: -1, size: 0, stored: 0, values: 0, encoding: -1, bytes: 0 };
  const reader = new ThriftReader(bytes);
  const readKind = () =>
    void reader.struct({
      1: () => {
        header.values = reader.integer();
      },
      2: () => {
        header.encoding = reader.integer();
      },
    });
  const last = reader.struct({
    1: () => {
      header.type = reader.integer();
    },
    2: () => {
      header.size = reader.integer();
    },
    3: () => {
      header.stored = reader.integer();
    },
    5: readKind,
    7: readKind,
  });
  header.bytes = last + 1;
  const isSane = header.size >= 0 && header.stored >= 0 && header.values >= 0;
  if (!isSane) throw new RangeError('a page of a negative size');
  return header;
}

async function plainBytes(stored: Buffer, codec: number, size: number): Promise<Uint8Array> {
  if (codec !== CODEC.zstd || size < ASIDE_BYTES) return plainBytesNow(stored, codec, size);
  return whole(await decompressAside(stored, roomFor(size)), size);
}

/** Of a page its bytes as they were before it was compressed; `size` is how many. Throws a `RangeError` as `readPages` does. */
export function plainBytesNow(stored: Uint8Array, codec: number, size: number): Uint8Array {
  if (codec === CODEC.none || size === 0) return stored;
  if (codec !== CODEC.zstd) throw new RangeError(`a page that is compressed by method ${codec}`);
  return whole(zstdDecompressSync(stored, roomFor(size)), size);
}

/** Room for all of it at once: else it comes in pieces, which are copied. */
const roomFor = (size: number) => ({
  chunkSize: Math.max(ROOM_BYTES_MIN, size),
  maxOutputLength: Math.max(1, size),
});

function whole(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes;
  throw new RangeError(`a page of ${bytes.length} bytes, not ${size}`);
}
