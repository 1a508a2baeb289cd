/**
 * Erases rows from a file of the journal that is not written to any more. A new file with the same blocks at the same offsets is
 * made beside it, for `RewritableLog.replaceFile` to put in its place: so a crash leaves the one or the other.
 */

import { rm, stat } from 'node:fs/promises';
import { Block } from '../../src/model/block.ts';
import { eraseRows } from '../../src/model/block-eraser.ts';
import { blockLengthAt, checkBlock } from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import type { Disk } from './disk.ts';
import {
  JOURNAL_HEADER_BYTES,
  journalPath,
  logIo,
  readHead,
  readRun,
  unfinishedPath,
} from './journal-file.ts';
import type { JournalPlace } from './journal-recovery.ts';

/** A byte per row of the block, 1 = it is to be erased; undefined: none is. Asked twice, with the same answer. */
export type Erasable = (block: Block, at: Offset) => Uint8Array | undefined;

export interface ErasableBlock {
  readonly block: Block;
  readonly offset: Offset;
  readonly rows: Uint8Array;
}

export interface JournalFilePlace {
  readonly disk: Disk;
  readonly dir: string;
  readonly base: Offset;
}

/** Read at once, and written at once. */
const STRETCH_BYTES = 4 * 1024 * 1024;

/**
 * Hands over the blocks that have something to erase. Answers where the file cannot be read, which nobody can erase from: such
 * blocks fail their checksum, or what follows is no block at all.
 */
export async function findErasable(
  place: JournalFilePlace,
  erasable: Erasable,
  visit: (found: ErasableBlock) => Promise<void>,
): Promise<readonly JournalPlace[]> {
  const damage: JournalPlace[] = [];
  for await (const stretch of stretchesOf(place)) {
    for (const found of stretch.found(erasable)) await visit(found);
    damage.push(...stretch.damage);
  }
  return damage;
}

/** Makes the unfinished file, synced. Rejects with `log_io`. */
export async function writeErased(place: JournalFilePlace, erasable: Erasable): Promise<void> {
  const { disk, dir, base } = place;
  const path = unfinishedPath(dir, base);
  try {
    const fd = await disk.open(path, 'w');
    try {
      for await (const stretch of stretchesOf(place)) {
        for (const { block, rows } of stretch.found(erasable)) {
          block.bytes.set(eraseRows(block.bytes, rows));
        }
        await disk.write(fd, [stretch.bytes], stretch.position);
      }
      await disk.sync(fd);
    } finally {
      await disk.close(fd);
    }
  } catch (cause) {
    // It would take room on a disk that is perhaps full.
    await rm(path, { force: true }).catch(() => undefined);
    throw logIo('writing a file of the log anew', path, cause);
  }
}

interface Stretch {
  readonly bytes: Uint8Array;
  /** In the file. */
  readonly position: number;
  readonly damage: readonly JournalPlace[];
  /** Blocks are views of `bytes`. */
  found(erasable: Erasable): Generator<ErasableBlock>;
}

/** The whole file, piece by piece: the header, whole blocks, and what cannot be read as such. */
async function* stretchesOf({ disk, dir, base }: JournalFilePlace): AsyncGenerator<Stretch> {
  const path = journalPath(dir, base);
  const { size } = await stat(path);
  const fd = await disk.open(path, 'r');
  try {
    let position = JOURNAL_HEADER_BYTES;
    yield unread(await readHead(disk, fd, 0, position, size), 0, []);
    while (position < size) {
      const run = await readRun(disk, fd, position, STRETCH_BYTES, size);
      const whole = wholeBlocks(run);
      if (whole.end === 0) break;
      yield stretchOf(whole, run, position, { path, base });
      position += whole.end;
    }
    // No block starts here: nobody can tell where the next one would.
    let damage = [{ path, byteOffset: position }];
    while (position < size) {
      const rest = await readHead(disk, fd, position, STRETCH_BYTES, size);
      yield unread(rest, position, damage);
      position += rest.length;
      damage = [];
    }
  } finally {
    await disk.close(fd);
  }
}

const unread = (bytes: Uint8Array, position: number, damage: readonly JournalPlace[]): Stretch => ({
  bytes,
  position,
  damage,
  *found() {},
});

const stretchOf = (
  { sound, damaged, end }: WholeBlocks,
  run: Uint8Array,
  position: number,
  { path, base }: { readonly path: string; readonly base: Offset },
): Stretch => ({
  bytes: run.subarray(0, end),
  position,
  damage: damaged.map((at) => ({ path, byteOffset: position + at })),
  *found(erasable) {
    for (const [at, block] of sound) {
      const blockOffset = offset(base + position - JOURNAL_HEADER_BYTES + at);
      const rows = erasable(block, blockOffset);
      if (rows !== undefined) yield { block, offset: blockOffset, rows };
    }
  },
});

interface WholeBlocks {
  readonly sound: readonly (readonly [at: number, block: Block])[];
  readonly damaged: readonly number[];
  /** Behind the last one that is all in the run. */
  readonly end: number;
}

function wholeBlocks(run: Uint8Array): WholeBlocks {
  const view = viewOf(run);
  const sound: [number, Block][] = [];
  const damaged: number[] = [];
  let end = 0;
  for (;;) {
    const length = blockLengthAt(view, end);
    if (length === undefined || end + length > run.length) break;
    const block = readable(run.subarray(end, end + length));
    if (block === undefined) damaged.push(end);
    else sound.push([end, block]);
    end += length;
  }
  return { sound, damaged, end };
}

function readable(bytes: Uint8Array): Block | undefined {
  try {
    checkBlock(bytes);
    return new Block(bytes);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
