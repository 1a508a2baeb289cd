/** An archive whose calls wait out that it is unavailable. */
import { isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { ARCHIVE_RETRY_MS_MAX, ARCHIVE_RETRY_MS_MIN } from '../limits.ts';
import type { Archive } from './archive.ts';

export interface Patience {
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly log: Logger;
  /** Told why a call waits, and `undefined` when one that has waited is through. */
  readonly waits?: ((problem: string | undefined) => void) | undefined;
  /** Ends the patience: a call that fails after that rejects. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats what `archive_unavailable` refuses, with waits that double. A call may have been done although its answer was
 * lost: repeating is harmless to all but `create`, where false may then mean that it was this caller's own.
 */
export function patientArchive(archive: Archive, { sleep, log, signal, waits }: Patience): Archive {
  async function patiently<T>(doing: string, call: () => Promise<T>): Promise<T> {
    for (let waitMs = ARCHIVE_RETRY_MS_MIN; ; waitMs = Math.min(2 * waitMs, ARCHIVE_RETRY_MS_MAX)) {
      try {
        const answer = await call();
        if (waitMs > ARCHIVE_RETRY_MS_MIN) waits?.(undefined);
        return answer;
      } catch (error) {
        if (!isFault(error, 'archive_unavailable') || signal?.aborted === true) throw error;
        waits?.(error.message);
        log.warn(
          { err: error, waitMs },
          `the archive is unavailable: it will be asked again to ${doing}`,
        );
        await sleepUnlessAborted(sleep(waitMs), signal);
      }
    }
  }

  return {
    url: archive.url,
    put: (path, localPath) => patiently('put', () => archive.put(path, localPath)),
    create: (path, bytes) => patiently('create', () => archive.create(path, bytes)),
    move: (from, to) => patiently('move', () => archive.move(from, to)),
    read: (path) => patiently('read', () => archive.read(path)),
    fetch: (path, localPath) => patiently('fetch', () => archive.fetch(path, localPath)),
    list: (folder) => patiently('list', () => archive.list(folder)),
    remove: (path) => patiently('remove', () => archive.remove(path)),
    close: () => archive.close(),
  };
}

async function sleepUnlessAborted(
  slept: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted === true) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal?.addEventListener('abort', onAbort);
  try {
    await Promise.race([slept, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
