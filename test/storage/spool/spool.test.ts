import { mkdir, rm, rmdir } from 'node:fs/promises';
import test from 'ava';
import { Spool, type SpoolRun } from '../../../storage/spool/spool.ts';
import { silentLogger } from '../../ingest/start-edge.ts';
import { testBlock } from '../log/blocks.ts';
import { journalFiles, PARTITIONS, scratchDir } from '../log/scratch.ts';

test('a file that cannot be deleted holds nothing up, is told once and deleted later', async (t) => {
  const dir = await scratchDir(t);
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (_: object, line: string) => lines.push(line) };
  const bounds = { bytesMax: 1 << 16, diskReserveBytes: 0 };
  const spool = await Spool.open({ dir, partitions: PARTITIONS, ...bounds, logger });
  t.teardown(() => spool.close());
  const runs: SpoolRun[] = [];
  for (let sequence = 1; sequence <= 4; sequence++) {
    await spool.append([testBlock({ sequence, bodyBytes: 12_000 })]);
    const run = await spool.next();
    if (run !== undefined) runs.push(run);
  }
  const [oldest = ''] = await journalFiles(dir);
  await rm(oldest);
  await mkdir(oldest);
  for (const run of runs.slice(0, -1)) await spool.drained(run);
  t.deepEqual(lines, ['files of the spool could not be deleted']);
  t.true((await journalFiles(dir)).includes(oldest));
  await rmdir(oldest);
  for (const run of runs.slice(-1)) await spool.drained(run);
  t.is((await journalFiles(dir)).length, 1);
  t.true(spool.isEmpty);
  t.is(lines.length, 1);
});
