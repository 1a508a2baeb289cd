/**
 * A file or standard input as lines, whatever it is packed with. Lines are held as Latin-1: a byte is a character, so that places in a
 * text are places in the file, and what is written out again has the bytes that were read, UTF-8 or not.
 */
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { AppError } from '../../model/errors.ts';

/** Whole lines. */
export interface TextPiece {
  /** Where the text begins, in bytes after unpacking. */
  readonly from: number;
  /** Each line with its end, save for the last of a file that has none. */
  readonly text: string;
}

/** Longer than any line that the server takes: what has no end by then is no text. */
const LINE_BYTES_MAX = 16 * 2 ** 20;
/** gzip (RFC 1952) and Zstandard (RFC 8878) say in their first bytes what they are; names of files lie. */
const PACKERS = [
  { magic: [0x1f, 0x8b], unpack: createGunzip },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], unpack: createZstdDecompress },
] as const;
const MAGIC_BYTES_MAX = 4;
/** At a time. Larger spares turns, and takes the memory. */
const UNPACKED_BYTES = 2 ** 18;

/** Begins with the byte `from`, which begins a line. `name` is for messages. */
export async function* textLines(
  input: Readable,
  name: string,
  from = 0,
): AsyncGenerator<TextPiece> {
  let at = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of unpacked(input, name)) {
    const isBefore = at + chunk.length <= from;
    const bytes = isBefore ? chunk.subarray(chunk.length) : chunk.subarray(Math.max(0, from - at));
    at += chunk.length;
    const end = bytes.lastIndexOf(10) + 1;
    if (end === 0) {
      rest = bytes.length === 0 ? rest : Buffer.concat([rest, bytes]);
      if (rest.length > LINE_BYTES_MAX) throw tooLong(name, at - rest.length);
      continue;
    }
    const whole = Buffer.concat([rest, bytes.subarray(0, end)]);
    rest = Buffer.from(bytes.subarray(end));
    yield { from: at - rest.length - whole.length, text: whole.toString('latin1') };
  }
  if (rest.length > 0) yield { from: at - rest.length, text: rest.toString('latin1') };
}

async function* unpacked(input: Readable, name: string): AsyncGenerator<Buffer> {
  const chunks: AsyncIterator<Buffer> = input[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES_MAX) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  const packed = (async function* () {
    if (head.length > 0) yield head;
    yield* { [Symbol.asyncIterator]: () => chunks };
  })();
  const packer = PACKERS.find(({ magic }) => magic.every((byte, i) => head[i] === byte));
  if (packer === undefined) return yield* packed;
  const source = Readable.from(packed);
  const unpacking = packer.unpack({ chunkSize: UNPACKED_BYTES });
  source.on('error', (error) => unpacking.destroy(error));
  try {
    yield* source.pipe(unpacking);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('config_invalid', `${name} cannot be unpacked: ${reason}`, {}, cause);
  } finally {
    source.destroy();
  }
}

const tooLong = (name: string, from: number): AppError =>
  new AppError(
    'config_invalid',
    `${name}: expected lines of text, received more than ${LINE_BYTES_MAX} bytes without an end of line from byte ${from} on`,
  );
