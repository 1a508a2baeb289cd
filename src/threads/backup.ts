/**
 * The backup thread: there while a backup is made, at a lower priority than the others. Closing it cancels what it does. What it is
 * given is `BackupThreadData`.
 */
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type Pace, paceOf } from '../../storage/backup/digest.ts';
import {
  type BackupPhase,
  type JournalToCopy,
  type TopicLeftOut,
  takeBackup,
} from '../../storage/backup/take.ts';
import { BACKUP_BYTES_PER_SECOND } from '../../storage/limits.ts';
import { attachLogShared, logEnd } from '../../storage/log/log-shared.ts';
import { logId } from '../../storage/log/source.ts';
import { snapshotOf } from '../../storage/state/rocksdb.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { offset } from '../model/units.ts';
import type { BackupThreadData, FromBackup } from './backup-protocol.ts';
import { serveOneWork } from './one-work.ts';
import { attachProgress } from './progress.ts';

if (parentPort === null) throw new Error('the backup thread is a worker thread');
const main = parentPort;
const data: BackupThreadData = workerData;

const PROGRESS_INTERVAL_MS = 250;

// On Linux a priority belongs to a thread.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const logger = createLogger({ ...data.logging, thread: 'backup' });
const shared = attachLogShared(data.shared);
const progress = attachProgress(data.progress);
const closing = new AbortController();
const throttled = paceOf(BACKUP_BYTES_PER_SECOND, closing.signal, {
  now: () => systemClock.now(),
  sleep,
});
const told = { phase: 'archive' as BackupPhase, files: 0, bytes: 0 };

const pace: Pace = async (bytes) => {
  told.bytes += bytes;
  await throttled(bytes);
};

async function take(): Promise<unknown> {
  const { to, dataDir, partitions, serverVersion, archive } = data;
  const timer = setInterval(() => tell({ type: 'progress', ...told }), PROGRESS_INTERVAL_MS);
  try {
    const { files, ...record } = await takeBackup({
      ...{ to, dataDir, partitions, serverVersion, archive, pace, logger },
      log: await logToTake(),
      snapshot: () => snapshotOf(data.state),
      clock: systemClock,
      progress(phase, file) {
        told.phase = phase;
        if (file !== undefined) told.files += 1;
      },
    });
    told.bytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
    return record;
  } finally {
    clearInterval(timer);
    tell({ type: 'progress', ...told });
  }
}

async function logToTake(): Promise<JournalToCopy | TopicLeftOut> {
  const { source } = data;
  const id = await logId(source);
  if (source.type === 'kafka') {
    const { topic: name } = source;
    return { type: 'topic', id, name, committed: () => [...progress.committed] };
  }
  const { dir } = source;
  const end = () => logEnd(shared, 0) ?? offset(0);
  return { type: 'journal', id, dir, start: offset(data.logStart), end };
}

serveOneWork(main, closing, take);

function tell(message: FromBackup): void {
  main.postMessage(message);
}
