/**
 * Appends notifications to a file, one JSON line each, synced before they count as delivered. After a crash a line may be
 * there twice: a reader keeps the first of each `id`.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Notification } from '../model/notification.ts';

/** The file is opened each time, so that it may be rotated by renaming. */
export async function appendToFile(notification: Notification, path: string): Promise<void> {
  const file = await open(path, 'a+', 0o600);
  try {
    const { size } = await file.stat();
    // A crash may have left half a line: it stays by itself, and this one is whole.
    const start = size === 0 || (await endsInLineBreak(file, size)) ? '' : '\n';
    const line = Buffer.from(`${start}${JSON.stringify(notification)}\n`);
    const { bytesWritten } = await file.write(line);
    if (bytesWritten < line.length) throw new Error(`${path}: the disk took part of a line`);
    await file.datasync();
    if (size === 0) await syncFolder(dirname(path));
  } finally {
    await file.close();
  }
}

async function endsInLineBreak(file: FileHandle, size: number): Promise<boolean> {
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === 0x0a;
}

/** A new file's name is the folder's data. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
