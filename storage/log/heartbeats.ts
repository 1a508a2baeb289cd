/** Moves the time of idle partitions: a partition has no clock but the arrival time of its blocks. */
import { isFault } from '../../src/model/errors.ts';
import type { JournalShared } from './journal-shared.ts';
import type { LogWriter } from './log.ts';

export interface HeartbeatsOptions {
  readonly shared: JournalShared;
  readonly writer: LogWriter;
  /** Makes a sealed heartbeat block. */
  readonly block: (partition: number) => Uint8Array;
}

/**
 * Answers a function to be called every second. It appends a heartbeat to each partition that wants its watermark to
 * move and has had no block since the last call. One that the log refuses for now is left out: the next call comes soon.
 */
export function createHeartbeats({
  shared,
  writer,
  block,
}: HeartbeatsOptions): () => Promise<void> {
  const seen = Float64Array.from(shared.partitionEnds);
  return async () => {
    const blocks: Uint8Array[] = [];
    for (let partition = 0; partition < shared.partitions; partition += 1) {
      const end = shared.partitionEnds[partition] as number;
      const idle = end === seen[partition];
      seen[partition] = end;
      if (idle && Atomics.load(shared.watermarkWanted, partition) !== 0)
        blocks.push(block(partition));
    }
    if (blocks.length === 0) return;
    try {
      await writer.append(blocks);
    } catch (error) {
      if (!isFault(error, 'log_backpressure') && !isFault(error, 'log_full')) throw error;
    }
  };
}
