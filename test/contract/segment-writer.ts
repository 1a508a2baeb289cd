/**
 * A process that archives a log beside others, as a node of a cluster that takes every partition for its own, until all is archived. Tells
 * its parent of each version that it has made; ends at once, wherever it is, when it is killed.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hours } from '../../actors/archiver/hours.ts';
import { systemClock } from '../../src/model/clock.ts';
import { type ArchiveSettings, openArchive } from '../../storage/archive/open.ts';
import { type NewSegment, SegmentCommitter } from '../../storage/archive/segment-commit.ts';
import { Random } from '../simulation/random.ts';
import { silent } from '../storage/archive/silent.ts';
import { compactedOf, cutOf, isArchived, NO_FILE } from '../storage/archive/simulated-files.ts';

export interface WriterWork {
  readonly settings: ArchiveSettings;
  readonly partitions: number;
  readonly life: number;
}

export type WriterReport =
  | { readonly type: 'made' | 'second' }
  | { readonly type: 'ended'; readonly problem?: string | undefined };

process.on('message', async (work: WriterWork) => {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-writer-'));
  try {
    await write(work, dir);
    tell({ type: 'ended' });
  } catch (error) {
    tell({ type: 'ended', problem: String(error) });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

async function write({ settings, partitions, life }: WriterWork, dir: string): Promise<void> {
  const random = new Random(life);
  const archive = await openArchive(settings);
  const committer = await SegmentCommitter.open({
    ...{ archive, life, clock: systemClock, sleep, log: silent },
    owner: { journal: 'j', host: 'h', pid: process.pid },
  });
  const hours = new Hours(committer, systemClock);
  /** Of simulated files the path is the content. */
  async function local({ file, localPath }: NewSegment, i: number): Promise<NewSegment> {
    const path = join(dir, `${i}`);
    await writeFile(path, localPath);
    return { file, localPath: path };
  }
  async function replaced(): Promise<boolean | undefined> {
    const place = random.pick([...hours.manifest.files.values()].concat(NO_FILE));
    const files = [...(hours.of(place)?.files.values() ?? [])];
    const made =
      files.length > 1 && (await compactedOf(archive, files, hours.manifest.version + 1));
    // Another has compacted them, and nobody deletes: then they are there, and the version is not.
    if (!made) return undefined;
    const remove = files.map(({ path }) => path);
    return hours.replace({ change: 'compaction', add: [await local(made, 0)], remove });
  }
  while (!isArchived(hours.manifest, partitions)) {
    if (random.chance(0.2)) {
      const isMade = await replaced();
      if (isMade !== undefined) tell({ type: isMade ? 'made' : 'second' });
      continue;
    }
    const cut = cutOf(hours, Array(partitions).keys(), random.int(1, 2));
    const files = await Promise.all(cut.files.map(local));
    tell({ type: (await hours.commit({ ...cut, files })) ? 'made' : 'second' });
  }
  await archive.close();
}

function tell(report: WriterReport): void {
  process.send?.(report);
}
