/** An archive in memory with a manifest that tests add to, and no data: what Hive is told comes from the manifest alone. */
import { COLUMN_KIND } from '../../src/model/columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { type ManifestCommit, ManifestStore } from '../../storage/archive/manifest-store.ts';
import { hourFolder, segmentPath } from '../../storage/archive/segment-path.ts';
import { MemoryArchive } from '../storage/archive/memory-archive.ts';
import { silent } from '../storage/archive/silent.ts';

export const HOUR_MS = 3_600_000;
export const FIRST_HOUR_MS = Date.parse('2026-11-21T08:00:00Z');

export interface ArchiveFixture {
  readonly archive: MemoryArchive;
  readonly store: ManifestStore;
  nowMs: number;
  commit(change: Partial<ManifestCommit>): Promise<void>;
}

export async function openArchiveFixture(): Promise<ArchiveFixture> {
  const clock = { now: () => fixture.nowMs };
  const archive = new MemoryArchive({ clock });
  const store = new ManifestStore({ archive, clock, log: silent, settle: async () => {} });
  const fixture: ArchiveFixture = {
    archive,
    store,
    nowMs: FIRST_HOUR_MS,
    commit: async (change) => {
      await store.commit(() => ({
        change: 'retention',
        positions: {},
        add: [],
        remove: [],
        deleted: [],
        schemas: [],
        ...change,
      }));
    },
  };
  await store.claim({ owner: { journal: 'j', host: 'h', pid: 1 } });
  return fixture;
}

/** Columns are named as their fields. A field whose name begins with `is` is a boolean, with `n` a number. */
export function schemaOf(
  tenant: string,
  stream: string,
  names: readonly string[] = [],
  version = 1,
): StreamSchema {
  const kindOf = (name: string) => {
    if (name.startsWith('is')) return COLUMN_KIND.boolean;
    return name.startsWith('n') ? COLUMN_KIND.number : COLUMN_KIND.string;
  };
  const columns = names.map((name) => ({ name, field: name, kind: kindOf(name) }));
  return { tenant, stream, version, columns };
}

/** The `hour`-th after the first, with ten rows. */
export function fileOf(
  { tenant, stream, version }: StreamSchema,
  hour: number,
  other: Partial<SegmentFile> = {},
): SegmentFile {
  const place = { tenant, stream, hourMs: FIRST_HOUR_MS + hour * HOUR_MS, partition: 0 };
  const range = { from: hour * 100, to: hour * 100 + 100, ...other };
  return {
    ...place,
    path: segmentPath({ ...place, ...range, folder: hourFolder(place), epoch: 1 }),
    rows: 10,
    bytes: 1_000,
    tsMinMs: place.hourMs,
    tsMaxMs: place.hourMs,
    schema: version,
    ...range,
  };
}
