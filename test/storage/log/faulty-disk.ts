/** A disk that does what the test says, and the real thing otherwise; remembers what it has synced. */
import { type Disk, nodeDisk } from '../../../storage/log/disk.ts';

export interface FaultyDisk extends Disk {
  /** Set by the test: throws, or waits, before the call of that name. */
  before: Partial<Record<'write' | 'syncData' | 'truncate' | 'open', () => Promise<void> | void>>;
  free: number;
  readonly rounds: { blocks: number; bytes: number }[];
}

export function faultyDisk(): FaultyDisk {
  const disk: FaultyDisk = {
    ...nodeDisk,
    before: {},
    free: Number.MAX_SAFE_INTEGER,
    rounds: [],
    async open(path, flags) {
      await disk.before.open?.();
      return nodeDisk.open(path, flags);
    },
    async write(fd, buffers, position) {
      await disk.before.write?.();
      const bytes = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
      disk.rounds.push({ blocks: buffers.length, bytes });
      await nodeDisk.write(fd, buffers, position);
    },
    async syncData(fd) {
      await disk.before.syncData?.();
      await nodeDisk.syncData(fd);
    },
    async truncate(fd, length) {
      await disk.before.truncate?.();
      await nodeDisk.truncate(fd, length);
    },
    freeBytes: async () => disk.free,
  };
  return disk;
}

export const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: planted`), { code });
