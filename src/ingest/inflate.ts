/**
 * Inflates request bodies in libuv's threads. The output is bounded while it grows, so a bomb stops at the
 * limit and not in memory; a bounded number inflate at once, the rest wait with only their compressed bytes.
 */
import {
  brotliDecompress,
  constants,
  gunzip,
  type InputType,
  type ZstdOptions,
  zstdDecompress,
} from 'node:zlib';
import { err, ok, type Result } from '../model/result.ts';
import { INFLATIONS_MAX, ZSTD_WINDOW_LOG_MAX } from './limits.ts';
import type { Encoding } from './media-type.ts';
import type { Refusal } from './refusal.ts';
import { zstdFrames } from './zstd-frames.ts';

export type Compression = Exclude<Encoding, 'identity'>;

export class Inflater {
  readonly #bodyBytesMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** `bytes` must stay unchanged until this resolves. Never rejects on what is in them. */
  async inflate(bytes: Uint8Array, compression: Compression): Promise<Result<Uint8Array, Refusal>> {
    if (this.#running < INFLATIONS_MAX) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await inflateAll(bytes, compression, this.#bodyBytesMax);
    } finally {
      // A waiter takes over this one's place.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

async function inflateAll(
  bytes: Uint8Array,
  compression: Compression,
  bytesMax: number,
): Promise<Result<Uint8Array, Refusal>> {
  if (compression !== 'zstd') return inflateOne(bytes, compression, bytesMax);
  const frames = zstdFrames(bytes);
  if (!frames.ok) return err(FRAME_REFUSALS[frames.error]('zstd'));
  const pieces: Uint8Array[] = [];
  let room = bytesMax;
  for (const frame of frames.value) {
    const piece = await inflateOne(frame, compression, room);
    if (!piece.ok) return piece.error.limit === undefined ? piece : err(bodyTooLarge(bytesMax));
    pieces.push(piece.value);
    room -= piece.value.length;
  }
  return ok(pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces));
}

/** Output pieces of this size: fewer hops between threads than zlib's 16 KB, still small next to a body. */
const CHUNK_BYTES = 128 * 1024;

/** With `info`, Node answers this instead of a buffer; its types do not say so. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}
type Inflate = (input: InputType, options: ZstdOptions, done: InflateDone) => void;
type InflateDone = (error: Error | null, answer: Buffer | Inflated) => void;
const INFLATE: Readonly<Record<Compression, Inflate>> = {
  gzip: gunzip,
  br: brotliDecompress,
  zstd: zstdDecompress,
};

function inflateOne(
  bytes: Uint8Array,
  compression: Compression,
  bytesMax: number,
): Promise<Result<Uint8Array, Refusal>> {
  const params = compression === 'zstd' ? ZSTD_PARAMS : {};
  // zlib wants a bound of at least 1.
  const maxOutputLength = Math.max(bytesMax, 1);
  const options = { maxOutputLength, chunkSize: CHUNK_BYTES, info: true, params };
  return new Promise((resolve) => {
    INFLATE[compression](bytes, options, (error, answer) => {
      if (error !== null) resolve(err(refusalOf(error, compression, bytesMax)));
      else if (Buffer.isBuffer(answer)) resolve(ok(answer));
      else if (answer.engine.bytesWritten === bytes.length) resolve(ok(answer.buffer));
      else resolve(err(trailing(compression))); // brotli ignores them
    });
  });
}

const ZSTD_PARAMS = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };

function refusalOf(error: Error, compression: Compression, bytesMax: number): Refusal {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ERR_BUFFER_TOO_LARGE') return bodyTooLarge(bytesMax);
  return code === 'Z_BUF_ERROR' ? truncated(compression) : invalid(compression);
}

const truncated = (compression: Compression): Refusal => ({
  code: 'truncated_body',
  message: `the ${compression} body ends early; nothing of it was taken: send it again whole`,
});

const invalid = (compression: Compression): Refusal => ({
  code: 'invalid_encoding',
  message: `expected a valid ${compression} body, as Content-Encoding says; nothing of it was taken`,
});

const trailing = (compression: Compression): Refusal => ({
  code: 'invalid_encoding',
  message: `bytes follow the end of the ${compression} body that belong to none; nothing of it was taken: send the packed bytes alone`,
});

const FRAME_REFUSALS = { truncated, invalid, trailing } as const;

/** `receivedBytes`: undefined if reading ended at the limit. */
export const bodyTooLarge = (bodyBytesMax: number, receivedBytes?: number): Refusal => ({
  code: 'body_too_large',
  message: `an unpacked body may have at most ${bodyBytesMax} bytes (limits.bodyBytesMax), received ${receivedBytes ?? 'more'}: send fewer events per request`,
  limit: bodyBytesMax,
});
