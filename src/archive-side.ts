/** The archive put together: its thread, what it needs of the others, and what operators see of it. */
import { join } from 'node:path';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { archiveSettings } from './archive-settings.ts';
import type { Foundation } from './foundation.ts';
import type { ArchivePort } from './query/archive-port.ts';
import { ARCHIVE_NOW_TIMEOUT_MS } from './threads/archive-protocol.ts';
import { ArchiveWorker } from './threads/archive-worker.ts';

export interface ArchiveSide extends ArchivePort {
  actors(): Promise<readonly ActorSnapshot[]>;
  close(): Promise<void>;
}

/** How long a list may take. */
const ANSWER_TIMEOUT_MS = 10_000;

/** Undefined if there is none. The journal must be open: its name is the archive's owner. */
export function startArchive({
  config,
  state,
  journalDir,
  shared,
  progress,
  onFailed,
}: Foundation): ArchiveSide | undefined {
  const { archive, dataDir, logging } = config;
  if (!archive.enabled) return undefined;
  progress.archived.fill(0);
  const worker = new ArchiveWorker(
    {
      archive: archiveSettings(config),
      policy: { bytesMax: archive.cut.bytesMax, ageMaxMs: archive.cut.ageMaxMs },
      memoryBytesMax: archive.memoryBytesMax,
      workDir: join(dataDir, 'archive-work'),
      journalDir,
      journal: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      logging,
    },
    async () => {
      // First the offsets, then the barrier: it makes durable what they stand for.
      const committed = [...progress.committed];
      await state.syncedBarrier();
      return committed;
    },
    onFailed,
  );
  const { asker } = worker;
  return {
    view: () => ({ url: worker.numbers?.url, numbers: worker.numbers, problem: worker.problem }),
    segments: (query) => asker.ask('segments', query, ANSWER_TIMEOUT_MS),
    archiveNow: () => asker.ask('archiveNow', undefined, ARCHIVE_NOW_TIMEOUT_MS),
    actors: () => asker.ask('actors', undefined, ANSWER_TIMEOUT_MS),
    close: () => worker.close(),
  };
}
