/**
 * What nodes say to each other, as bytes. A body of a request is one MessagePack value, an answer is frames: a length (u32,
 * little-endian) and so many bytes. Nothing of this is stored. Rows are packed by hand, because a query may have 200,000 of them:
 * length of the key (u16), length of the value (u32), then both.
 */
import { Packr } from 'msgpackr';
import type { StateRow } from '../../storage/state/state.ts';
import { AppError } from '../model/errors.ts';
import { FRAME_BYTES_MAX } from './limits.ts';

export const ASK_PATH = '/v1/node/ask';
export const ROWS_PATH = '/v1/node/rows';
export const PROGRESS_PATH = '/v1/node/progress';

/** Whom a request is for: `nodeAddress` of it. */
export const NODE_HEADER = 'x-streamgauge-node';
export const nodeAddress = ({ name, life }: { readonly name: string; readonly life: number }) =>
  `${encodeURIComponent(name)} ${life}`;

const LENGTH_BYTES = 4;
const ROW_HEAD_BYTES = 6;

/** Plain data: `undefined`, infinite numbers and bytes arrive as they were. */
const codec = new Packr({ useRecords: false });

export const pack = (value: unknown): Buffer => codec.pack(value);

/** Throws `node_away`: whoever sends this is no node of this release. */
export function unpack(bytes: Uint8Array): unknown {
  try {
    return codec.unpack(bytes);
  } catch (cause) {
    throw new AppError('node_away', 'a node has sent what cannot be read', {}, cause);
  }
}

export function frame(...parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(LENGTH_BYTES);
  head.writeUInt32LE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([head, ...parts]);
}

/** The frames of a body, which may be cut anywhere. Throws `node_away` if it ends within one, or one is too long. */
export async function* framesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let wanted = LENGTH_BYTES;
  for await (const chunk of body) {
    waiting.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) continue;
    const all = waiting.length === 1 ? bufferOn(chunk) : Buffer.concat(waiting);
    let at = 0;
    for (;;) {
      wanted = LENGTH_BYTES;
      if (all.length - at < wanted) break;
      const length = all.readUInt32LE(at);
      if (length > FRAME_BYTES_MAX) {
        throw new AppError('node_away', `a node has announced a frame of ${length} bytes`);
      }
      wanted += length;
      if (all.length - at < wanted) break;
      yield all.subarray(at + LENGTH_BYTES, at + wanted);
      at += wanted;
    }
    waiting = at < all.length ? [all.subarray(at)] : [];
    bytes = all.length - at;
  }
  if (bytes > 0) throw new AppError('node_away', 'an answer of a node was cut off');
}

export function packRows(rows: readonly StateRow[]): Buffer {
  let length = 0;
  for (const { key, value } of rows) length += ROW_HEAD_BYTES + key.length + value.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { key, value } of rows) {
    bytes.writeUInt16LE(key.length, at);
    bytes.writeUInt32LE(value.length, at + 2);
    bytes.set(key, at + ROW_HEAD_BYTES);
    bytes.set(value, at + ROW_HEAD_BYTES + key.length);
    at += ROW_HEAD_BYTES + key.length + value.length;
  }
  return bytes;
}

/** They lie in `packed`. Throws `node_away`. */
export function unpackRows(packed: Uint8Array): StateRow[] {
  const bytes = bufferOn(packed);
  const rows: StateRow[] = [];
  for (let at = 0; at < bytes.length; ) {
    const keyAt = at + ROW_HEAD_BYTES;
    if (keyAt > bytes.length) throw cutRow();
    const valueAt = keyAt + bytes.readUInt16LE(at);
    at = valueAt + bytes.readUInt32LE(at + 2);
    if (at > bytes.length) throw cutRow();
    rows.push({ key: bytes.subarray(keyAt, valueAt), value: bytes.subarray(valueAt, at) });
  }
  return rows;
}

const cutRow = (): AppError => new AppError('node_away', 'a node has sent a row that is cut off');

const bufferOn = ({ buffer, byteOffset, length }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, length);
