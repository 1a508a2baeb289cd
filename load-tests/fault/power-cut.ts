/** Takes from a killed server's files what a power cut may take: bytes behind the last synced length. */
import { closeSync, ftruncateSync, openSync, statSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { filesBelow } from '../process-usage.ts';
import type { Random } from '../random.ts';
import { isWriteAheadLog, syncedLength } from './synced-lengths.ts';

/**
 * What is found behind the place where a file was cut: nothing; zeros, as when a file system has written the new size before
 * the data; or bytes of something else. `spared` leaves everything as a mere kill does.
 */
export const DAMAGE_KINDS = ['spared', 'cut', 'zeros', 'garbage'] as const;
export type DamageKind = (typeof DAMAGE_KINDS)[number];

export interface Damage {
  readonly file: string;
  readonly kind: DamageKind;
  readonly sizeBytes: number;
  readonly syncedBytes: number;
  readonly keptBytes: number;
}

export interface PowerCut {
  readonly dataDir: string;
  /** Folder of the notes that record-syncs.ts has made. */
  readonly records: string;
  readonly random: Random;
  readonly kind: DamageKind;
  /** Keeps nothing that was not synced, instead of a random part of it: the worst legal outcome. */
  readonly isWorst: boolean;
}

/** The server must be dead. Answers what was done, file by file. */
export function cutPower(cut: PowerCut): Damage[] {
  const files = filesBelow(cut.dataDir);
  const newestWriteAheadLog = files.filter(isWriteAheadLog).sort(byNumber).at(-1);
  const journals = files.filter((path) => path.endsWith('.journal'));
  const damage = journals.flatMap((path) => damageFile(path, cut.kind, cut));
  // RocksDB itself syncs a write-ahead log before it relies on a later one: only the newest may lose bytes.
  if (newestWriteAheadLog === undefined || cut.kind === 'spared') return damage;
  return [...damage, ...damageFile(newestWriteAheadLog, 'cut', cut)];
}

function damageFile(
  path: string,
  kind: DamageKind,
  { records, random, isWorst }: PowerCut,
): Damage[] {
  const { size, ino } = statSync(path);
  // An inode number is used again after a deletion, with the note of its former file.
  const synced = Math.min(size, syncedLength(records, ino));
  if (synced === size) return [];
  const kept = kind === 'spared' ? size : isWorst ? synced : random.between(synced, size + 1);
  if (kind !== 'spared') {
    const fd = openSync(path, 'r+');
    ftruncateSync(fd, kept);
    if (kind === 'zeros') ftruncateSync(fd, random.between(kept, size + 1));
    if (kind === 'garbage')
      writeSync(fd, garbage(random, random.between(0, size - kept + 1)), 0, undefined, kept);
    closeSync(fd);
  }
  return [{ file: basename(path), kind, sizeBytes: size, syncedBytes: synced, keptBytes: kept }];
}

function garbage(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.between(0, 256));
}

const byNumber = (a: string, b: string): number =>
  Number.parseInt(basename(a), 10) - Number.parseInt(basename(b), 10);
