/** Archivers over one log and one archive: real partitions, segments and verdicts. */
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Archiver, type ArchiverOptions } from '../../../actors/archiver/actor.ts';
import type { Duties } from '../../../actors/archiver/duties.ts';
import { ErasureJobs } from '../../../actors/archiver/erasure-jobs.ts';
import { PutOff } from '../../../actors/archiver/work.ts';
import { DAY_MS } from '../../../src/model/units.ts';
import { beginLocalArchive, openLocalArchive } from '../../../storage/archive/local.ts';
import type { Manifest } from '../../../storage/archive/manifest.ts';
import { ManifestReader } from '../../../storage/archive/manifest-reader.ts';
import { SegmentCommitter } from '../../../storage/archive/segment-commit.ts';
import { logEnds, logStart } from '../../../storage/log/log-shared.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';
import { literal } from '../../../storage/segments/segment-columns.ts';
import type { PlainEvent } from '../../aggregate/event-blocks.ts';
import { silent } from '../../storage/archive/silent.ts';
import { GroupScene, NOW_MS, scratchDir } from '../partition/group-scene.ts';

export const PARTITIONS = 2;

export async function archiverScene(t: ExecutionContext) {
  const dir = await scratchDir(t);
  const group = await GroupScene.open({ dir, partitions: PARTITIONS });
  t.teardown(() => group.close());
  await beginLocalArchive(join(dir, 'archive'));
  const archive = openLocalArchive(join(dir, 'archive'));
  const clock = { ms: NOW_MS, now: () => clock.ms };
  const duck = () =>
    openDuck({
      threads: 1,
      memoryBytesMax: 128 * 2 ** 20,
      tempDir: join(dir, 'duckdb'),
      folders: [dir],
    });
  const manifests = new Map<number, Manifest>();

  /** Has all partitions, and is the leader, unless it is told otherwise. */
  function node(
    life: number,
    duties: Partial<Duties> = {},
    other: Partial<ArchiverOptions> = {},
  ): Promise<Archiver> {
    const committed = () =>
      Array.from({ length: PARTITIONS }, (_, p) => group.committed.get(p) ?? 0);
    const options: ArchiverOptions = {
      openCommitter: () =>
        SegmentCommitter.open({
          ...{ archive, clock, log: silent, life },
          owner: { journal: 'j', host: 'h', pid: life },
          sleep: async () => undefined,
        }),
      openDuck: duck,
      openReader: group.journal.openReader,
      state: group.state,
      partitions: PARTITIONS,
      duties: { takingOf: () => 1, isLeader: () => true, lives: () => [life], ...duties },
      committed,
      committedForGood: async () => committed(),
      logStart: (partition) => logStart(group.shared, partition),
      logBytes: (distances) => Math.max(0, ...distances),
      logEnds: () => logEnds(group.shared),
      logRoomBytes: async () => Number.POSITIVE_INFINITY,
      workDir: join(dir, `work-${life}`),
      clock,
      log: silent,
      policy: { bytesMax: 1, ageMaxMs: DAY_MS },
      compaction: { enabled: true, fileBytes: 2 ** 20, afterMs: 0 },
      retention: { overrides: [] },
      erasures: new ErasureJobs(),
      removedKeptMs: DAY_MS,
      hiveVersion: () => undefined,
      readingSinceMs: () => Number.POSITIVE_INFINITY,
      diskReserveBytes: 0,
      signal: new AbortController().signal,
      waitingSinceMs: 0,
      publish: {
        archived: (manifest) => manifests.set(life, manifest),
        numbers: () => undefined,
        fenced: (reason) => t.fail(reason),
      },
      ...other,
    };
    return Archiver.open(options, { compaction: new PutOff(), erasure: new PutOff() });
  }

  /** Rows of the archive, and the ids in them. */
  async function archived() {
    const { files } = await new ManifestReader(archive, silent).load();
    const paths = [...files.keys()].map((path) => literal(join(dir, 'archive', path)));
    if (paths.length === 0) return { rows: 0, ids: 0 };
    const statements = await duck();
    const [row] = await statements.rows(
      `SELECT count(*)::INT AS rows, count(DISTINCT id)::INT AS ids FROM read_parquet([${paths.join()}], union_by_name = true)`,
    );
    statements.close();
    return { rows: Number(row?.['rows']), ids: Number(row?.['ids']) };
  }

  /** Applied and committed: one block. */
  async function send(
    partition: number,
    from: number,
    to: number,
    fields: PlainEvent = {},
  ): Promise<number> {
    const events = Array.from(
      { length: to - from },
      (_, i): PlainEvent => ({ id: `${partition}-${from + i}`, type: 'look', ...fields }),
    );
    const offset = await group.send(partition, events);
    await group.applied();
    await group.commit(partition);
    return offset;
  }
  return { dir, group, archive, clock, manifests, node, duck, archived, send };
}
