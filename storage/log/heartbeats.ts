/** Moves the time of idle partitions: a partition has no clock but the arrival time of its blocks. */
import type { LogWriter } from './log.ts';
import type { LogShared } from './log-shared.ts';

export interface HeartbeatsOptions {
  readonly shared: LogShared;
  readonly writer: Pick<LogWriter, 'append'>;
  /** Whether an append that has failed so may succeed later. */
  readonly isPassing: (error: unknown) => boolean;
  /** Makes a sealed heartbeat block. */
  readonly block: (partition: number) => Uint8Array;
}

/**
 * Answers a function to be called every second. It appends a heartbeat to each partition that wants its watermark to
 * move and has had no events since the last call. Other blocks move no watermark: who sends only bad lines, or changes rules
 * again and again, must not stop the time of everybody. A heartbeat that the log refuses for now is left out: the next call
 * comes soon.
 */
export function createHeartbeats({
  shared,
  writer,
  isPassing,
  block,
}: HeartbeatsOptions): () => Promise<void> {
  const seen = Float64Array.from(shared.eventEnds);
  return async () => {
    const idle: number[] = [];
    for (const [partition, end] of shared.eventEnds.entries()) {
      const wanted = Atomics.load(shared.watermarkWanted, partition) !== 0;
      if (wanted && end === seen[partition]) idle.push(partition);
      seen[partition] = end;
    }
    if (idle.length === 0) return;
    try {
      await writer.append(idle.map(block));
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  };
}
