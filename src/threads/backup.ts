/**
 * The backup thread: there while a backup is made, at a lower priority than the others. Closing it cancels what it does. What it is
 * given is `BackupThreadData`.
 */
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type Pace, paceOf } from '../../storage/backup/digest.ts';
import { type BackupPhase, takeBackup } from '../../storage/backup/take.ts';
import { BACKUP_BYTES_PER_SECOND } from '../../storage/limits.ts';
import { nodeDisk } from '../../storage/log/disk.ts';
import { readJournalId } from '../../storage/log/journal-file.ts';
import { attachJournalShared, durableEnd } from '../../storage/log/journal-shared.ts';
import { snapshotOf } from '../../storage/state/rocksdb.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import { offset } from '../model/units.ts';
import { answerOf } from './asker.ts';
import type { BackupThreadData, FromBackup, ToBackup } from './backup-protocol.ts';

if (parentPort === null) throw new Error('the backup thread is a worker thread');
const main = parentPort;
const data: BackupThreadData = workerData;

const PROGRESS_INTERVAL_MS = 250;

// On Linux a priority belongs to a thread.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const log = createLogger({ ...data.logging, thread: 'backup' });
const journal = attachJournalShared(data.journal);
const closing = new AbortController();
const throttled = paceOf(BACKUP_BYTES_PER_SECOND, closing.signal, {
  now: () => systemClock.now(),
  sleep,
});
const told = { phase: 'archive' as BackupPhase, files: 0, bytes: 0 };
let taking: Promise<void> | undefined;

const pace: Pace = async (bytes) => {
  told.bytes += bytes;
  await throttled(bytes);
};

async function take(): Promise<unknown> {
  const { to, dataDir, journalDir, partitions, serverVersion, archive } = data;
  const timer = setInterval(() => tell({ type: 'progress', ...told }), PROGRESS_INTERVAL_MS);
  try {
    const { files, ...record } = await takeBackup({
      ...{ to, dataDir, journalDir, partitions, serverVersion, archive, pace, log },
      journalId: await readJournalId(nodeDisk, journalDir),
      logStart: offset(data.logStart),
      logEnd: () => durableEnd(journal) ?? offset(0),
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

main.on('message', (message: ToBackup) => {
  switch (message.type) {
    case 'ask':
      taking = answerOf(message.id, take).then(tell);
      break;
    case 'close':
      closing.abort();
      void Promise.resolve(taking).then(() => tell({ type: 'closed' }));
      break;
    default:
      assertNever(message);
  }
});

function tell(message: FromBackup): void {
  main.postMessage(message);
}
