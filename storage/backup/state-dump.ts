/**
 * All rows of the state in a file (drawing: storage/FORMAT.md, "State dump"): frames of rows in the order of their keys, each with a
 * checksum, and one without rows at the end.
 */

import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { AppError } from '../../src/model/errors.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { DUMP_FRAME_BYTES_MAX } from '../limits.ts';
import type { StateRow } from '../state/state.ts';
import type { Pace } from './digest.ts';

export const DUMP_MAGIC = 0x31444753; // "SGD1"
const FRAME_HEADER_BYTES = 16;
/** Byte offsets in a frame's header, all u32. */
const AT = { magic: 0, crc: 4, rows: 8, bytes: 12 } as const;
const LENGTHS_BYTES = 8;

/** Answers the number of rows. The file is new, and durable when this resolves. */
export async function writeDump(
  path: string,
  pages: AsyncIterable<readonly StateRow[]>,
  pace: Pace,
): Promise<number> {
  const file = await open(path, 'wx', 0o640);
  try {
    let rows = 0;
    for await (const { frame, count } of dumpFrames(pages)) {
      await pace(frame.length);
      await file.appendFile(frame);
      rows += count;
    }
    await file.sync();
    return rows;
  } finally {
    await file.close();
  }
}

/** The bytes of a dump, for who puts them elsewhere than into a file. */
export async function* dumpFrames(
  pages: AsyncIterable<readonly StateRow[]>,
): AsyncGenerator<{ readonly frame: Uint8Array; readonly count: number }> {
  for await (const page of pages) yield { frame: encodeFrame(page), count: page.length };
  yield { frame: encodeFrame([]), count: 0 };
}

/** Frame by frame. Throws `backup_corrupt` with the byte where it is not as it was written. */
export async function* readDump(path: string): AsyncGenerator<StateRow[]> {
  const file = await open(path, 'r');
  try {
    const header = new Uint8Array(FRAME_HEADER_BYTES);
    for (let at = 0; ; ) {
      if (!(await readAt(file, header, at)))
        throw corruptAt(path, at, 'ends before its last frame');
      const { count, length } = readHeader(header, path, at);
      const body = new Uint8Array(length);
      if (!(await readAt(file, body, at + FRAME_HEADER_BYTES))) {
        throw corruptAt(path, at, 'ends in a frame');
      }
      refuseWrong(header, body, path, at);
      if (count === 0) return;
      yield decodeRows(body, count);
      at += FRAME_HEADER_BYTES + length;
    }
  } finally {
    await file.close();
  }
}

/** All rows of a dump that is small. Throws `backup_corrupt`, which names `path`. */
export function decodeDump(bytes: Uint8Array, path: string): StateRow[] {
  const rows: StateRow[] = [];
  for (let at = 0; ; ) {
    const header = bytes.subarray(at, at + FRAME_HEADER_BYTES);
    if (header.length < FRAME_HEADER_BYTES) throw corruptAt(path, at, 'ends before its last frame');
    const { count, length } = readHeader(header, path, at);
    const body = bytes.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length);
    if (body.length < length) throw corruptAt(path, at, 'ends in a frame');
    refuseWrong(header, body, path, at);
    if (count === 0) return rows;
    for (const row of decodeRows(body, count)) rows.push(row);
    at += FRAME_HEADER_BYTES + length;
  }
}

function readHeader(
  header: Uint8Array,
  path: string,
  at: number,
): { readonly count: number; readonly length: number } {
  const view = viewOf(header);
  const length = view.getUint32(AT.bytes, true);
  if (view.getUint32(AT.magic, true) !== DUMP_MAGIC) {
    throw corruptAt(path, at, 'has no "SGD1" mark here');
  }
  if (length > DUMP_FRAME_BYTES_MAX) throw corruptAt(path, at, `has a frame of ${length} bytes`);
  return { count: view.getUint32(AT.rows, true), length };
}

function refuseWrong(header: Uint8Array, body: Uint8Array, path: string, at: number): void {
  const crc = crc32(body, crc32(header.subarray(AT.rows)));
  if (viewOf(header).getUint32(AT.crc, true) !== crc) {
    throw corruptAt(path, at, 'fails a checksum');
  }
}

const corruptAt = (path: string, byteOffset: number, what: string): AppError =>
  new AppError('backup_corrupt', `the dump of the state ${what}`, { path, byteOffset });

function encodeFrame(rows: readonly StateRow[]): Uint8Array {
  const bytes = rows.reduce(
    (sum, { key, value }) => sum + LENGTHS_BYTES + key.length + value.length,
    0,
  );
  const frame = new Uint8Array(FRAME_HEADER_BYTES + bytes);
  const view = viewOf(frame);
  view.setUint32(AT.magic, DUMP_MAGIC, true);
  view.setUint32(AT.rows, rows.length, true);
  view.setUint32(AT.bytes, bytes, true);
  let at = FRAME_HEADER_BYTES;
  for (const { key, value } of rows) {
    view.setUint32(at, key.length, true);
    view.setUint32(at + 4, value.length, true);
    frame.set(key, at + LENGTHS_BYTES);
    frame.set(value, at + LENGTHS_BYTES + key.length);
    at += LENGTHS_BYTES + key.length + value.length;
  }
  view.setUint32(AT.crc, crc32(frame.subarray(AT.rows)), true);
  return frame;
}

/** The checksum held, so the lengths are what was written. */
function decodeRows(body: Uint8Array, count: number): StateRow[] {
  const view = viewOf(body);
  const rows: StateRow[] = [];
  for (let at = 0; rows.length < count; ) {
    const keyEnd = at + LENGTHS_BYTES + view.getUint32(at, true);
    const end = keyEnd + view.getUint32(at + 4, true);
    rows.push({
      key: body.subarray(at + LENGTHS_BYTES, keyEnd),
      value: body.subarray(keyEnd, end),
    });
    at = end;
  }
  return rows;
}

/** False if the file ends before. */
async function readAt(file: FileHandle, into: Uint8Array, position: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
