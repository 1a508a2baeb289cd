/** The partitions that the manifest asks for: for each hour that has files, the folder that they lie in. */
import type { Manifest, SegmentFile } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { folderOf } from '../../storage/archive/paths.ts';
import type { PendingHours } from './pending.ts';

export interface WantedPartition {
  /** A path in the archive. */
  readonly folder: string;
  /** Its stream's schema grew while files came into it. */
  readonly isMixed: boolean;
}

export interface WantedPartitions {
  /** Per stream and hour. */
  readonly hours: ReadonlyMap<string, ReadonlyMap<number, WantedPartition>>;
  /**
   * Hours whose files lie in several folders, as `stream hour`. A partition has one location: these have that of most rows,
   * and Hive does not see the rest.
   */
  readonly split: ReadonlySet<string>;
}

interface Found {
  folder: string;
  readonly schema: number;
  isMixed: boolean;
}

/** Of the hours that are asked for, and no others. */
export function wantedPartitions(
  manifest: Manifest,
  streams: ReadonlyMap<string, PendingHours>,
): WantedPartitions {
  const hours = new Map<string, Map<number, Found>>();
  const split = new Set<string>();
  for (const key of streams.keys()) hours.set(key, new Map());
  for (const file of manifest.files.values()) {
    const key = streamKey(file);
    const asked = streams.get(key);
    const found = hours.get(key);
    if (asked === undefined || found === undefined) continue;
    if (asked !== 'all' && !asked.has(file.hourMs)) continue;
    const folder = folderOf(file.path);
    const known = found.get(file.hourMs);
    if (known === undefined) {
      found.set(file.hourMs, { folder, schema: file.schema, isMixed: false });
    } else {
      if (known.schema !== file.schema) known.isMixed = true;
      if (known.folder !== folder) split.add(hourName(file));
    }
  }
  if (split.size > 0) chooseFullest(manifest, hours, split);
  return { hours, split };
}

function chooseFullest(
  manifest: Manifest,
  hours: ReadonlyMap<string, ReadonlyMap<number, Found>>,
  split: ReadonlySet<string>,
): void {
  const rows = new Map<string, number>();
  const fullest = new Map<string, number>();
  for (const file of manifest.files.values()) {
    const name = hourName(file);
    if (!split.has(name)) continue;
    const folder = folderOf(file.path);
    const sum = (rows.get(folder) ?? 0) + file.rows;
    rows.set(folder, sum);
    if (sum <= (fullest.get(name) ?? -1)) continue;
    fullest.set(name, sum);
    const found = hours.get(streamKey(file))?.get(file.hourMs);
    if (found !== undefined) found.folder = folder;
  }
}

const hourName = (file: SegmentFile): string =>
  `${streamKey(file)} ${new Date(file.hourMs).toISOString().slice(0, 13)}`;
