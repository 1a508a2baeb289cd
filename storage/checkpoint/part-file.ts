/**
 * A part of a checkpoint as a file: a dump of rows, as a backup has it, each of its frames in a frame of zstd. In front of each
 * lies a skippable one that says how long it is, as Node inflates one frame at a time and does not say where it ends; so `zstd -d`
 * makes the dump of the file. Written and read back through a folder of this machine, because an archive takes and gives whole files.
 */
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { AppError } from '../../src/model/errors.ts';
import { digestOf, type Pace } from '../backup/digest.ts';
import { dumpFrames, readDump } from '../backup/state-dump.ts';
import { CHECKPOINT_ZSTD_LEVEL, DUMP_FRAME_BYTES_MAX } from '../limits.ts';
import type { StateRow } from '../state/state.ts';
import type { CheckpointPart } from './checkpoint-set.ts';

export interface WrittenFile {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

const COMPRESSION = { [constants.ZSTD_c_compressionLevel]: CHECKPOINT_ZSTD_LEVEL };
/** RFC 8878, section 3.1.2: magic, length of the content, and as content the length of the frame behind it; u32 each. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const PREFIX_BYTES = 12;

/**
 * Writes over what is at `path`. Not synced: the archive makes it durable. `pace` is told of bytes before they are compressed, which
 * stops the thread: Node's pool would do it at the priority of taking events in, and not at the thread's.
 */
export async function writePartFile(
  path: string,
  pages: AsyncIterable<readonly StateRow[]>,
  pace: Pace,
): Promise<WrittenFile> {
  const file = await open(path, 'w', 0o640);
  try {
    const hash = createHash('sha256');
    let rows = 0;
    let bytes = 0;
    for await (const { frame, count } of dumpFrames(pages)) {
      await pace(frame.length);
      const compressed = zstdCompressSync(frame, { params: COMPRESSION });
      for (const piece of [prefixOf(compressed), compressed]) {
        hash.update(piece);
        await file.appendFile(piece);
        bytes += piece.length;
      }
      rows += count;
    }
    return { rows, bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/**
 * The rows of a part that lies at `path`. All of it has been compared with what the set says before the first of them comes. Throws
 * `checkpoint_corrupt`.
 */
export async function* readPartFile(
  path: string,
  { bytes, sha256 }: CheckpointPart,
): AsyncGenerator<StateRow[]> {
  const found = await digestOf(path, async () => undefined);
  if (found.bytes !== bytes || found.sha256 !== sha256) {
    throw corrupt(
      path,
      `expected ${bytes} bytes with SHA-256 ${sha256}, it has ${found.bytes} with ${found.sha256}`,
    );
  }
  const dump = `${path}.inflated`;
  try {
    await inflate(path, dump);
    yield* readDump(dump);
  } catch (error) {
    if (error instanceof AppError && error.code === 'backup_corrupt') {
      throw corrupt(path, error.message);
    }
    throw error;
  } finally {
    await rm(dump, { force: true });
  }
}

/** The checksum held, so lengths are what was written; a file that another release has written otherwise is none. */
async function inflate(from: string, to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'w', 0o640);
  try {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    for (let at = 0; (await source.read(prefix, 0, PREFIX_BYTES, at)).bytesRead > 0; ) {
      const length = prefix.readUInt32LE(8);
      const isOurs = prefix.readUInt32LE(0) === SKIPPABLE_MAGIC && length <= DUMP_FRAME_BYTES_MAX;
      if (!isOurs) throw corrupt(from, `byte ${at} does not say how long the next frame is`);
      const frame = Buffer.alloc(length);
      await source.read(frame, 0, length, at + PREFIX_BYTES);
      await target.appendFile(zstdDecompressSync(frame));
      at += PREFIX_BYTES + length;
    }
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

function prefixOf({ length }: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  prefix.writeUInt32LE(4, 4);
  prefix.writeUInt32LE(length, 8);
  return prefix;
}

const corrupt = (path: string, what: string): AppError =>
  new AppError('checkpoint_corrupt', `a part of a checkpoint: ${what}`, { path });
