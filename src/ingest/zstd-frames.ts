/**
 * Finds the frames of a zstd body (RFC 8878, section 3.1) without inflating it. Needed because Node's one-shot call
 * inflates only the first frame and answers what it has, without an error, when the input ends inside one:
 * both would lose events silently.
 */
import { err, ok, type Result } from '../model/result.ts';

/** `trailing`: what is behind a whole frame is not the beginning of one. */
export type FrameFault = 'truncated' | 'invalid' | 'trailing';

const FRAME_MAGIC = 0xfd2fb528;
/** Skippable frames have one of 16 magics and a length; they hold no content. */
const SKIPPABLE_MAGIC = 0x184d2a50;
/** Parallel compressors write one frame per piece, of a megabyte or so; a body of tiny frames is an attack. */
const FRAMES_MAX = 1_024;

const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const BLOCK = { raw: 0, rle: 1, compressed: 2 } as const;

/** Every complete frame with content, in order. */
export function zstdFrames(bytes: Uint8Array): Result<Uint8Array[], FrameFault> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (!mayBeFrame(bytes.subarray(at, at + 4))) return err(at > 0 ? 'trailing' : 'invalid');
    if (at + 8 > bytes.length) return err('truncated');
    const skippable = view.getUint32(at, true) !== FRAME_MAGIC;
    const end = skippable ? at + 8 + view.getUint32(at + 4, true) : frameEnd(view, at);
    if (end === 'invalid') return err('invalid');
    if (end === 'truncated' || end > bytes.length) return err('truncated');
    if (!skippable) frames.push(bytes.subarray(at, end));
    if (frames.length > FRAMES_MAX) return err('invalid');
    at = end;
  }
  return frames.length > 0 ? ok(frames) : err('truncated');
}

/** Whether up to four bytes are a magic, or as much of one as there is. */
function mayBeFrame(start: Uint8Array): boolean {
  const begins = (magic: number, lowestBits: number): boolean =>
    start.every((byte, i) => {
      const wanted = (magic >>> (8 * i)) & 0xff;
      return i === 0 ? byte >> lowestBits === wanted >> lowestBits : byte === wanted;
    });
  return begins(FRAME_MAGIC, 0) || begins(SKIPPABLE_MAGIC, 4);
}

/** Follows the block headers of the frame that starts at `start`. */
function frameEnd(view: DataView, start: number): number | Exclude<FrameFault, 'trailing'> {
  const descriptor = view.getUint8(start + 4);
  if ((descriptor & 0x08) !== 0) return 'invalid'; // reserved bit
  const singleSegment = (descriptor & 0x20) !== 0;
  const contentSizeBytes = CONTENT_SIZE_BYTES[descriptor >> 6] as number;
  let at =
    start +
    5 +
    (singleSegment ? Math.max(contentSizeBytes, 1) : 1 + contentSizeBytes) +
    (DICTIONARY_ID_BYTES[descriptor & 3] as number);
  for (;;) {
    if (at + 3 > view.byteLength) return 'truncated';
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const type = (header >> 1) & 3;
    if (type > BLOCK.compressed) return 'invalid';
    at += 3 + (type === BLOCK.rle ? 1 : header >> 3);
    if ((header & 1) !== 0) break;
  }
  return (descriptor & 0x04) !== 0 ? at + 4 : at;
}
