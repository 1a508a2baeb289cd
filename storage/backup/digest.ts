/** Files read once, from end to end, with their SHA-256: copied on the way, or only looked at. At a bounded pace. */
import { createHash } from 'node:crypto';
import { type FileHandle, link, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import { systemCodeOf } from '../archive/disk-files.ts';
import { BACKUP_CHUNK_BYTES } from '../limits.ts';

/** Called with bytes about to be read. Waits so that a server beside goes on; rejects when the work is to end. */
export type Pace = (bytes: number) => Promise<void>;

export interface Digest {
  readonly bytes: number;
  /** In lower-case hex. */
  readonly sha256: string;
}

/** Rejects as the disk does, with its `ENOENT` if there is no file. */
export async function digestOf(path: string, pace: Pace): Promise<Digest> {
  const source = await open(path, 'r');
  try {
    return await pass(source, undefined, Number.POSITIVE_INFINITY, pace);
  } finally {
    await source.close();
  }
}

/** The first `bytesMax` bytes of a file, in a new file that is durable. */
export async function copyDigested(
  from: string,
  to: string,
  pace: Pace,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<Digest> {
  await mkdir(dirname(to), { recursive: true });
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o640);
    try {
      const digest = await pass(source, target, bytesMax, pace);
      await target.sync();
      return digest;
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** A second name for a file that nobody ever writes to again: no byte is copied. Where the disk can not, a copy. */
export async function linkDigested(from: string, to: string, pace: Pace): Promise<Digest> {
  await mkdir(dirname(to), { recursive: true });
  try {
    await link(from, to);
  } catch (error) {
    if (!NO_LINK.has(systemCodeOf(error) ?? '')) throw error;
    return copyDigested(from, to, pace);
  }
  return digestOf(to, pace);
}

/** Another file system, one without links, or one that holds as many of this file as it can. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK']);

async function pass(
  source: FileHandle,
  target: FileHandle | undefined,
  bytesMax: number,
  pace: Pace,
): Promise<Digest> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(BACKUP_CHUNK_BYTES);
  let bytes = 0;
  while (bytes < bytesMax) {
    const wanted = Math.min(chunk.length, bytesMax - bytes);
    await pace(wanted);
    const { bytesRead } = await source.read(chunk, 0, wanted, bytes);
    if (bytesRead === 0) break;
    const part = chunk.subarray(0, bytesRead);
    hash.update(part);
    if (target !== undefined) await writeAll(target, part, bytes);
    bytes += bytesRead;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function writeAll(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await target.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** At most `bytesPerSecond` on average; what was not used for a second is lost. */
export function paceOf(
  bytesPerSecond: number,
  signal: AbortSignal,
  { now, sleep }: { now(): number; sleep(ms: number): Promise<unknown> },
): Pace {
  let freeFromMs = now();
  return async (bytes) => {
    if (signal.aborted) throw new AppError('actor_stopped', 'the backup was cancelled');
    freeFromMs = Math.max(freeFromMs, now() - 1_000) + (bytes / bytesPerSecond) * 1_000;
    const waitMs = freeFromMs - now();
    if (waitMs > 1) await sleep(waitMs);
  };
}
