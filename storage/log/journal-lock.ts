/** Keeps a second server off a journal: two writers of one file would overwrite what the other acknowledged. */
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { AppError } from '../../src/model/errors.ts';

export interface JournalLock {
  release(): Promise<void>;
}

const UNLOCKED: JournalLock = { release: async () => undefined };

/**
 * Listens on an abstract Unix socket named after the directory's inode. The kernel makes that exclusive and takes it
 * back with the process however it ends, so there is no stale lock and no guessing whether a pid is alive; Node
 * offers no flock. It reaches as far as a network namespace: between containers that share a volume, and on systems
 * without abstract sockets, the lock that RocksDB holds on its directory beside the journal keeps the second server out.
 */
export async function lockJournal(dir: string): Promise<JournalLock> {
  if (process.platform !== 'linux') return UNLOCKED;
  const { dev, ino } = await stat(dir, { bigint: true });
  const server = createServer((connection) => connection.destroy());
  await listen(server, `\0streamgauge-journal-${dev}-${ino}`, dir);
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

function listen(server: Server, path: string, dir: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new AppError(
          'log_locked',
          `another process has the journal in ${dir} open: stop it, or start this one with another data directory`,
          { path: dir },
          cause,
        ),
      );
    });
    server.listen({ path }, resolve);
  });
}
