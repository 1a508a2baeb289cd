/** The file calls on which the journal's durability rests, as a dependency: fault tests pass a disk that fails. */
import { close, fdatasync, fsync, ftruncate, open, type PathLike, read, writev } from 'node:fs';
import { promisify } from 'node:util';
import { freeBytes } from '../free-bytes.ts';

/** Callback-based calls underneath: half the cost of `FileHandle` per call, which a commit round makes twice. */
export interface Disk {
  open(path: PathLike, flags: string | number): Promise<number>;
  close(fd: number): Promise<void>;
  /** Answers the bytes read, fewer than asked only at the end of the file. */
  read(fd: number, into: Uint8Array, position: number): Promise<number>;
  /** Writes all of `buffers` from `position` on. */
  write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Data and what is needed to read it (size), not times. */
  syncData(fd: number): Promise<void>;
  sync(fd: number): Promise<void>;
  truncate(fd: number, length: number): Promise<void>;
  freeBytes(path: string): Promise<number>;
}

const calls = {
  open: promisify(open),
  close: promisify(close),
  read: promisify(read),
  writev: promisify(writev),
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
  ftruncate: promisify(ftruncate),
};

export const nodeDisk: Disk = {
  open: (path, flags) => calls.open(path, flags, 0o640),
  close: calls.close,
  sync: calls.fsync,
  syncData: calls.fdatasync,
  truncate: calls.ftruncate,
  freeBytes,

  async read(fd, into, position) {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await calls.read(fd, into, done, into.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  },

  async write(fd, buffers, position) {
    let rest = buffers;
    let at = position;
    while (rest.length > 0) {
      const { bytesWritten } = await calls.writev(fd, rest, at);
      at += bytesWritten;
      rest = dropBytes(rest, bytesWritten);
    }
  },
};

/** What is left of `buffers` after a short write of `count` bytes. */
function dropBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let whole = 0;
  let left = count;
  while (whole < buffers.length && left >= (buffers[whole] as Uint8Array).length) {
    left -= (buffers[whole] as Uint8Array).length;
    whole += 1;
  }
  const rest = buffers.slice(whole);
  if (left > 0) rest[0] = (rest[0] as Uint8Array).subarray(left);
  return rest;
}
