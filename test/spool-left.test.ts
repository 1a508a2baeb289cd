import test from 'ava';
import { AppError } from '../src/model/errors.ts';
import { refuseWithSpoolLeft, spoolDirIn } from '../src/spool-left.ts';
import { Spool } from '../storage/spool/spool.ts';
import { silentLogger } from './ingest/start-edge.ts';
import { testBlock } from './storage/log/blocks.ts';
import { PARTITIONS, scratchDir } from './storage/log/scratch.ts';

test('a start that is refused says how many events the spool holds, and what to do', async (t) => {
  const dataDir = await scratchDir(t);
  const refusal = new AppError('log_gone', 'there is no topic', { path: 'kafka:log' });
  t.is(await t.throwsAsync(refuseWithSpoolLeft(refusal, dataDir)), refusal);

  const bounds = { bytesMax: 1 << 16, diskReserveBytes: 0 };
  const dir = spoolDirIn(dataDir);
  const spool = await Spool.open({ dir, partitions: PARTITIONS, ...bounds, logger: silentLogger });
  for (const sequence of [1, 2]) await spool.append([testBlock({ sequence, rows: 10 })]);
  await spool.close();
  const error = await t.throwsAsync(refuseWithSpoolLeft(refusal, dataDir), { code: 'log_gone' });
  t.regex(
    error?.message ?? '',
    /^there is no topic\. .*spool holds 20 events that were acknowledged.*docs.spool\.md/,
  );

  const grown = new AppError('config_invalid', 'the topic has 6 partitions');
  const unfit = await t.throwsAsync(refuseWithSpoolLeft(grown, dataDir), {
    code: 'config_invalid',
  });
  t.regex(
    unfit?.message ?? '',
    /^the topic has 6 partitions\. .*spool holds 20 events.*keep this folder.*"A topic that has grown"/,
  );
});
