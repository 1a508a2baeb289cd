/** Moves the time of idle partitions: a partition has no clock but the arrival time of its blocks. */
import { isFault } from '../../src/model/errors.ts';
import type { JournalShared } from './journal-shared.ts';
import type { LogWriter } from './log.ts';

export interface HeartbeatsOptions {
  readonly shared: JournalShared;
  readonly writer: Pick<LogWriter, 'append'>;
  /** Makes a sealed heartbeat block. */
  readonly block: (partition: number) => Uint8Array;
}

/**
 * Answers a function to be called every second. It appends a heartbeat to each partition that wants its watermark to
 * move and has had no other block since the last call. A heartbeat that the log refuses for now is left out: the next
 * call comes soon.
 */
export function createHeartbeats({
  shared,
  writer,
  block,
}: HeartbeatsOptions): () => Promise<void> {
  /** Per partition its end at the last call, that call's heartbeat included. */
  const seen = Float64Array.from(shared.partitionEnds);
  return async () => {
    const idle: number[] = [];
    for (const [partition, end] of shared.partitionEnds.entries()) {
      const wanted = Atomics.load(shared.watermarkWanted, partition) !== 0;
      if (wanted && end === seen[partition]) idle.push(partition);
      seen[partition] = end;
    }
    if (idle.length === 0) return;
    const blocks = idle.map(block);
    const lengths = blocks.map((bytes) => bytes.length);
    try {
      const offsets = await writer.append(blocks);
      for (const [index, partition] of idle.entries()) {
        seen[partition] = (offsets[index] as number) + (lengths[index] as number);
      }
    } catch (error) {
      if (!isFault(error, 'log_backpressure') && !isFault(error, 'log_full')) throw error;
    }
  };
}
