/**
 * The checkpoint thread: there while a round of checkpoints is taken, at a lower priority than the others. Closing it cancels what it
 * does. What it is given is `CheckpointThreadData`.
 */
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { decodePartitionState } from '../../actors/partition/snapshot.ts';
import { openArchive } from '../../storage/archive/open.ts';
import { paceOf } from '../../storage/backup/digest.ts';
import { CheckpointStore } from '../../storage/checkpoint/checkpoint-store.ts';
import { takeCheckpoint } from '../../storage/checkpoint/take.ts';
import { CHECKPOINT_BYTES_PER_SECOND } from '../../storage/limits.ts';
import { STATE_VERSION, snapshotOf } from '../../storage/state/rocksdb.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import type { CheckpointThreadData, TakenCheckpoint } from './checkpoint-protocol.ts';
import { serveOneWork } from './one-work.ts';
import { attachProgress, ownedPartitions } from './progress.ts';

if (parentPort === null) throw new Error('the checkpoint thread is a worker thread');
const data: CheckpointThreadData = workerData;

// On Linux a priority belongs to a thread.
setPriority(constants.priority.PRIORITY_LOW);
const log = createLogger({ ...data.logging, thread: 'checkpoint' });
const progress = attachProgress(data.progress);
const closing = new AbortController();
const pace = paceOf(CHECKPOINT_BYTES_PER_SECOND, closing.signal, {
  now: () => systemClock.now(),
  sleep,
});

async function take(): Promise<TakenCheckpoint> {
  const { logId, offsetBase, turn, known, isTouched, serverVersion, partitions } = data;
  const { isAlone, chainLife } = data;
  const archive = await openArchive(data.archive);
  try {
    const { set, kept } = await takeCheckpoint({
      ...{ offsetBase, turn, known, isTouched, serverVersion, partitions, pace },
      ...{ isAlone, chainLife, sleep },
      owned: () => ownedPartitions(progress),
      store: new CheckpointStore({ archive, logId, log }),
      stateVersion: STATE_VERSION,
      committed: () => [...progress.committed],
      snapshot: (range) => snapshotOf(data.state, range),
      positionOf: (row) => decodePartitionState(row).position,
      workDir: data.workDir,
      setsKept: data.setsKept,
      clock: systemClock,
    });
    return {
      takenMs: set.takenMs,
      parts: set.parts,
      oldestKeptMs: Math.min(...kept.flatMap(({ parts }) => parts.map((part) => part.takenMs))),
    };
  } finally {
    await archive.close();
  }
}

serveOneWork(parentPort, closing, take);
