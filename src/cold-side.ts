/** Questions about single events put together: their thread, and what it needs of the others. */
import { join } from 'node:path';
import type { ReadNumbers } from '../actors/cold/questions.ts';
import { archiveSettings } from './archive-settings.ts';
import type { ArchiveSide } from './archive-side.ts';
import type { Foundation } from './foundation.ts';
import { AppError, isFault } from './model/errors.ts';
import type { ColdPort } from './query/cold/cold-port.ts';
import type { Whereabouts } from './threads/asked-state.ts';
import { ColdWorker } from './threads/cold-worker.ts';

export interface ColdSide extends ColdPort {
  /** Undefined until something was asked. */
  read(): Promise<ReadNumbers | undefined>;
  /** Keeps nothing of events that it has fetched or staged, nor of what an earlier process has left. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

/** Where the rows of each partition are, and whether it is known of all how far they are. */
export interface ColdPlaces extends Whereabouts {
  /** Resolves when it is; rejects with `partition_elsewhere` if it stays unknown. */
  known(): Promise<void>;
}

/** Undefined without an archive. Costs nothing until it is asked. `elsewhere`: on a node of a cluster. */
export function createColdSide(
  { config, logger, state, source, shared, progress }: Foundation,
  archive: ArchiveSide | undefined,
  elsewhere: ColdPlaces | undefined,
): ColdSide | undefined {
  if (archive === undefined) return undefined;
  const { cold, dataDir, logging } = config;
  const { memoryBytesMax, threads, timeoutMs, tailBytesMax, cacheBytesMax, exports } = cold;
  const data = {
    archive: archiveSettings(config),
    duck: { threads, memoryBytesMax },
    timeoutMs,
    tailBytesMax,
    cacheBytesMax,
    workDir: join(dataDir, 'cold-work'),
    source,
    shared: shared.buffer,
    progress: progress.buffer,
    state: state.handle,
    logging,
  };
  const worker = new ColdWorker(data, elsewhere);
  /** Who asks is not told where the archive lies. */
  async function reached<T>(ask: () => Promise<T> | T): Promise<T> {
    await archive?.opened();
    await elsewhere?.known();
    try {
      return await ask();
    } catch (error) {
      if (!isFault(error, 'archive_unavailable')) throw error;
      logger.warn({ err: error }, 'a question needs the archive, which is out of reach');
      throw new AppError(
        'archive_unavailable',
        'the archive, which holds what is asked for, is out of reach: ask again later; the log of the server has the reason',
      );
    }
  }
  return {
    events: (question) => reached(() => worker.ask('events', question)),
    event: (question) => reached(() => worker.ask('event', question)),
    sql: (question) => reached(() => worker.ask('sql', question)),
    timeseries: (question) => reached(() => worker.ask('timeseries', question)),
    scan: (question) => reached(() => worker.ask('scan', question)),
    export: (question) => reached(() => worker.export(question, exports.timeoutMs)),
    committed: (partition) => progress.committed[partition] ?? 0,
    rowsMax: cold.rowsMax,
    scanRowsMax: cold.scanRowsMax,
    concurrency: cold.concurrency,
    exports,
    read: () => worker.read(),
    forget: () => worker.ask('forget', undefined),
    close: () => worker.close(),
  };
}
