/** What holds on every archive when the nodes of a cluster write to it at once, and some of them are killed. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../src/model/clock.ts';
import type { Archive } from '../../storage/archive/archive.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { parseStagedName } from '../../storage/archive/manifest-paths.ts';
import { type ArchiveSettings, beginArchive, openArchive } from '../../storage/archive/open.ts';
import { TEMPORARY_FOLDER } from '../../storage/archive/paths.ts';
import { SegmentCommitter } from '../../storage/archive/segment-commit.ts';
import { BLOCK_BYTES, blockName, blocksIn } from '../storage/archive/commit-model.ts';
import { silent } from '../storage/archive/silent.ts';
import { BLOCKS_MAX, isArchived } from '../storage/archive/simulated-files.ts';
import type { WriterReport, WriterWork } from './segment-writer.ts';

const WRITER = fileURLToPath(new URL('segment-writer.ts', import.meta.url));
const WRITERS = 3;
const PARTITIONS = 2;
/** Of these writers, after so many versions of their own: somewhere in the next. */
const KILLED_AFTER: readonly number[] = [1, 3];
const FIRST_LIFE = 1_000;

/** @param create settings of an archive that is empty */
export function archiveWritersContract(
  name: string,
  create: (t: ExecutionContext) => Promise<ArchiveSettings>,
): void {
  test(`${name}: processes that archive the same partitions at once, some of them killed, bring each block into one file`, async (t) => {
    t.timeout(180_000);
    const settings = await create(t);
    await beginArchive(settings);
    const whole = Array.from({ length: WRITERS }, () => undefined);
    const kills = [...KILLED_AFTER, ...whole];
    const reports = await Promise.all(
      kills.map((killAfter, i) => {
        const work = { settings, partitions: PARTITIONS, life: FIRST_LIFE + i };
        return written(t, work, killAfter);
      }),
    );
    const life = FIRST_LIFE + kills.length;
    t.deepEqual(
      reports.flatMap(({ problem }) => problem ?? []),
      [],
    );
    const archive = await openArchive(settings);
    t.teardown(() => archive.close());
    const committer = await SegmentCommitter.open({
      ...{ archive, life, clock: systemClock, log: silent },
      owner: { journal: 'j', host: 'h', pid: process.pid },
      sleep: async () => undefined,
    });
    await committer.dismiss([...(committer.manifest.writers ?? [])]);
    await committer.sweep();
    t.deepEqual([...(committer.manifest.writers ?? [])], [life]);
    // What a killed process was just copying has no such name, and stays for a day.
    const left = (await archive.list(TEMPORARY_FOLDER)).filter(({ name }) => parseStagedName(name));
    t.deepEqual(left, []);
    t.true(isArchived(committer.manifest, PARTITIONS));
    t.deepEqual(await blocksOf(archive, committer.manifest), allBlocks());
    const second = reports.reduce((sum, report) => sum + report.second, 0);
    t.log(`${committer.manifest.version} versions, ${second} commits came second and to nothing`);
  });
}

interface End {
  readonly second: number;
  readonly problem: string | undefined;
}

async function written(t: ExecutionContext, work: WriterWork, killAfter?: number): Promise<End> {
  const child = fork(WRITER, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.teardown(() => child.kill('SIGKILL'));
  let made = 0;
  let second = 0;
  let problem = killAfter === undefined ? 'it has ended by itself' : undefined;
  const exited = Promise.withResolvers<void>();
  child.on('exit', () => exited.resolve());
  child.on('message', (report: WriterReport) => {
    if (report.type === 'ended') {
      problem = report.problem;
      child.disconnect();
    } else if (report.type === 'made') made += 1;
    else second += 1;
    if (made === killAfter) child.kill('SIGKILL');
  });
  child.send(work);
  await exited.promise;
  return { second, problem };
}

/** Of all files that the manifest names, as anybody reads them. */
async function blocksOf(archive: Archive, { files }: Manifest): Promise<string[]> {
  const blocks: string[] = [];
  for (const path of files.keys()) {
    blocks.push(...blocksIn((await archive.read(path)) ?? Buffer.from('[]')));
  }
  return blocks.sort();
}

const allBlocks = (): string[] =>
  Array.from({ length: PARTITIONS }, (_, partition) =>
    Array.from({ length: BLOCKS_MAX }, (_, i) => blockName(partition, i * BLOCK_BYTES)),
  )
    .flat()
    .sort();
