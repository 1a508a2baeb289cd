/** Deletes what the log no longer needs to keep. */
import type { LogWriter } from '../storage/log/log.ts';
import type { Logger } from './model/logger.ts';
import { offset } from './model/units.ts';

/** Whole files are deleted, and one fills within seconds only under full load. */
const RETENTION_INTERVAL_MS = 5_000;

export interface RetentionOptions {
  /** The log before it is of no use once the commits up to now are synced; 0 while that is not known. */
  readonly neededFrom: () => number;
  /** Makes every commit up to now survive a power cut. */
  readonly syncedBarrier: () => Promise<void>;
  readonly writer: Pick<LogWriter, 'deleteBefore'>;
  readonly logger: Logger;
}

/** Answers what ends it. A round that fails is logged, and the next one tries again. */
export function startRetention({
  neededFrom,
  syncedBarrier,
  writer,
  logger,
}: RetentionOptions): () => void {
  let deletedBefore = 0;
  let isRunning = false;
  const round = async () => {
    // First the offset, then the barrier: what is needed less by commits after it waits for the next round.
    const needed = neededFrom();
    if (isRunning || needed <= deletedBefore) return;
    isRunning = true;
    try {
      await syncedBarrier();
      await writer.deleteBefore(offset(needed));
      deletedBefore = needed;
    } catch (error) {
      logger.warn({ err: error }, 'the log could not be shortened');
    } finally {
      isRunning = false;
    }
  };
  const timer = setInterval(() => void round(), RETENTION_INTERVAL_MS);
  return () => clearInterval(timer);
}
