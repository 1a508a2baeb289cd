/** The notes of how much of a file is synced: one small file per inode, so that renames do not matter. */
import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Folder of the notes. */
export const RECORDS_ENV = 'LOAD_TEST_SYNC_RECORDS';
/** Folder below which RocksDB keeps its files. */
export const STATE_ENV = 'LOAD_TEST_STATE_FOLDER';

/** As many digits as the longest length: a note is overwritten in place by one write, which a kill cannot tear. */
const DIGITS = 16;
/** By path. */
const open = new Map<string, number>();
/** Journal files are few at a time; old descriptors are let go. */
const OPEN_MAX = 64;

export function recordSynced(folder: string, inode: number, length: number): void {
  const path = join(folder, String(inode));
  let fd = open.get(path);
  if (fd === undefined) {
    if (open.size >= OPEN_MAX) closeAll();
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
    open.set(path, fd);
  }
  writeSync(fd, String(length).padStart(DIGITS, '0'), 0);
}

/** Zero for a file that was never synced. */
export function syncedLength(folder: string, inode: number): number {
  const path = join(folder, String(inode));
  return existsSync(path) ? Number(readFileSync(path, 'latin1')) : 0;
}

/** RocksDB's write-ahead logs are `000123.log`. */
export const isWriteAheadLog = (path: string): boolean => /^\d+\.log$/.test(basename(path));

function closeAll(): void {
  for (const fd of open.values()) closeSync(fd);
  open.clear();
}
