/**
 * What a spool holds when it is opened: from the headers of its blocks. Where a damaged one hides the next, or one names a partition
 * that is not there, blocks are read whole.
 */
import { AT, PARTITION_OF_NONE, PARTITIONS_MAX } from '../../src/model/block-format.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { SpoolCounts } from '../../src/model/spool-view.ts';
import type { Offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { countBacklog } from '../log/backlog.ts';
import { walkJournal } from '../log/journal-walk.ts';
import { type LogShared, logEnd } from '../log/log-shared.ts';
import { countOf, NOTHING, plus } from './spool-counts.ts';

export interface SpoolSurvey {
  readonly waiting: SpoolCounts;
  /** Of blocks that reading passes over without a word: nobody's, which stand where damaged ones were, and such of no partition. */
  readonly lostBytes: number;
}

interface Found extends SpoolSurvey {
  /** The greatest number of a partition; -1 if there is none. */
  readonly partitionMax: number;
}

/**
 * From `from` to the end. Rejects with `config_invalid` if a whole block is of a partition that `shared` does not have, and with `log_io`.
 * What cannot be read is left to whoever drains the spool.
 */
export async function surveySpool(
  dir: string,
  shared: LogShared,
  from: Offset,
): Promise<SpoolSurvey> {
  const { partitions } = shared;
  const byHeaders = await surveyHeaders(dir, shared, from).catch(unlessDamaged);
  if (byHeaders !== undefined && byHeaders.partitionMax < partitions) return byHeaders;
  // A header alone may be damaged, and say anything.
  const byBlocks = await surveyBlocks(dir, from);
  if (byBlocks.partitionMax >= partitions) throw tooFew(dir, partitions, byBlocks.partitionMax);
  return byHeaders ?? byBlocks;
}

async function surveyHeaders(dir: string, shared: LogShared, from: Offset): Promise<Found> {
  const end = logEnd(shared, 0) ?? from;
  let waiting = NOTHING;
  let partitionMax = -1;
  for (let at = from; at < end; ) {
    const wanted = Array.from(
      { length: PARTITIONS_MAX },
      (_, partition) => [partition, at] as const,
    );
    const { entries, through } = await countBacklog(dir, shared, new Map(wanted));
    for (const entry of entries) {
      partitionMax = Math.max(partitionMax, entry.partition);
      if (entry.partition < shared.partitions) waiting = plus(waiting, entry);
    }
    at = through;
  }
  return { waiting, partitionMax, lostBytes: end - from - waiting.bytes };
}

async function surveyBlocks(dir: string, from: Offset): Promise<Found> {
  let waiting = NOTHING;
  let partitionMax = -1;
  let lostBytes = 0;
  await walkJournal(dir, from, {
    block: (bytes) => {
      const partition = viewOf(bytes).getUint16(AT.partition, true);
      if (partition === PARTITION_OF_NONE) {
        lostBytes += bytes.length;
        return;
      }
      partitionMax = Math.max(partitionMax, partition);
      waiting = plus(waiting, countOf([bytes]));
    },
    file: () => undefined,
    damage: () => undefined,
    unfinished: () => undefined,
    read: () => undefined,
  });
  return { waiting, partitionMax, lostBytes };
}

function unlessDamaged(error: unknown): undefined {
  if (!isFault(error, 'block_corrupt')) throw error;
}

const tooFew = (dir: string, partitions: number, partition: number): AppError =>
  new AppError(
    'config_invalid',
    `${dir} holds acknowledged events of partition ${partition}, and the server has ${partitions} partitions, so that ${partitions - 1} is the last: set "partitions" as it was when they were taken, at least ${partition + 1}, with a topic and a data folder of as many`,
    { path: dir },
  );
