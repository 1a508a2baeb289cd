/** What a process has used, read from /proc: the load tests therefore need Linux. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS_PER_SECOND = 100;
const SECTOR_BYTES = 512;

export interface ProcessUsage {
  /** User and system time of all threads since the start. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  /** The most that was ever resident. */
  readonly peakRssBytes: number;
}

/** Undefined once the process has ended. */
export function processUsage(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    // The command's name may hold spaces, so fields are counted from behind it: state is the first.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      rssBytes: statusBytes(status, 'VmRSS'),
      peakRssBytes: statusBytes(status, 'VmHWM'),
    };
  } catch {
    return undefined;
  }
}

function statusBytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1_024;
}

/** What the files below a folder take on disk. Files that vanish meanwhile count as nothing. */
export function bytesOnDisk(folder: string): number {
  let bytes = 0;
  for (const path of filesBelow(folder)) {
    bytes += (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * SECTOR_BYTES;
  }
  return bytes;
}

export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
