/**
 * A file or standard input as lines, whatever it is packed with. Lines are held as Latin-1: a byte is a character, so that places in a
 * text are places in the file, and what is written out again has the bytes that were read, UTF-8 or not.
 */
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { AppError } from '../../model/errors.ts';

/** Longer than any line that the server takes: what has no end by then is no text. */
const LINE_BYTES_MAX = 16 * 2 ** 20;
/** gzip (RFC 1952) and Zstandard (RFC 8878) say in their first bytes what they are; names of files lie. */
const PACKERS = [
  { magic: [0x1f, 0x8b], unpack: createGunzip },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: createZstdDecompress },
] as const;
const MAGIC_BYTES_MAX = 4;
const EMPTY = Buffer.alloc(0);
/** At a time. Larger spares turns, and takes the memory. */
const UNPACKED_BYTES = 2 ** 18;

/** Whether a last line without an end is one; else it is left out. */
export type TakesUnended = (isPacked: boolean) => boolean;

/** Whole lines, each with its end, save for the last one if it has none. `name` is for messages. Rejects with `input_damaged`. */
export async function* textLines(
  input: Readable,
  name: string,
  takesUnended?: TakesUnended,
): AsyncGenerator<string> {
  for await (const bytes of byteLines(input, name, takesUnended)) yield bytes.toString('latin1');
}

/** As `textLines`; the bytes are not written to any more. */
export async function* byteLines(
  input: Readable,
  name: string,
  takesUnended: TakesUnended = () => true,
): AsyncGenerator<Buffer> {
  const { isPacked, pieces } = await unpacked(input, name);
  let rest: Buffer = EMPTY;
  let isFirst = true;
  for await (const all of pieces) {
    const isMarked = isFirst && all.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    const bytes = isMarked ? all.subarray(BYTE_ORDER_MARK.length) : all;
    isFirst = false;
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) yield Buffer.concat([rest, bytes.subarray(0, end)]);
    rest = Buffer.concat([end > 0 ? EMPTY : rest, bytes.subarray(end)]);
    if (rest.length > LINE_BYTES_MAX) throw tooLong(name);
  }
  if (rest.length > 0 && takesUnended(isPacked)) yield rest;
}

/** The bytes at the beginning, `bytesMax` of them or all, and no more: the input is destroyed. */
export async function headOf(input: Readable, name: string, bytesMax: number): Promise<Buffer> {
  let head: Buffer = EMPTY;
  try {
    const { pieces } = await unpacked(input, name);
    for await (const bytes of pieces) {
      head = Buffer.concat([head, bytes.subarray(0, bytesMax - head.length)]);
      if (head.length === bytesMax) break;
    }
  } finally {
    // A generator that is left where it gave its first piece leaves what it reads from open.
    input.destroy();
  }
  return head;
}

/** What some programs begin UTF-8 with is none of the first line. */
const BYTE_ORDER_MARK = Buffer.from('\ufeff');

async function unpacked(
  input: Readable,
  name: string,
): Promise<{ readonly isPacked: boolean; readonly pieces: AsyncIterable<Buffer> }> {
  const chunks: AsyncIterator<Buffer> = input[Symbol.asyncIterator]();
  let head: Buffer = EMPTY;
  while (head.length < MAGIC_BYTES_MAX) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const all = (async function* () {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  })();
  const packer = PACKERS.find(({ magic }) => magic.every((byte, i) => head[i] === byte));
  if (packer === undefined) return { isPacked: false, pieces: all };
  return { isPacked: true, pieces: through(packer.unpack, Readable.from(all), name) };
}

async function* through(
  unpack: (typeof PACKERS)[number]['unpack'],
  source: Readable,
  name: string,
): AsyncGenerator<Buffer> {
  const unpacking = unpack({ chunkSize: UNPACKED_BYTES });
  source.on('error', (error) => unpacking.destroy(error));
  try {
    yield* source.pipe(unpacking);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${name} cannot be unpacked: ${reason}`;
    throw new AppError('input_damaged', message, { path: name }, cause);
  } finally {
    source.destroy();
  }
}

const tooLong = (name: string): AppError =>
  new AppError(
    'input_damaged',
    `${name}: expected lines of text, received more than ${LINE_BYTES_MAX} bytes without an end of line`,
  );
