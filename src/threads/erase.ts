/**
 * The eraser thread: takes events out of the log and the state store. It is there while it has something to do, at a lower priority
 * than the others. Closing it ends what it does between two files: whoever asks again goes on there. What it is given is
 * `EraseThreadData`.
 */
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type EraserTools, eraseFromLogAndState } from '../../actors/eraser/erase.ts';
import type { JournalTools } from '../../actors/eraser/erase-log.ts';
import { nodeDisk } from '../../storage/log/disk.ts';
import { attachLogShared, wakeReaders } from '../../storage/log/log-shared.ts';
import type { JournalSource } from '../../storage/log/source.ts';
import { pushedOutKey } from '../../storage/state/erasure-rows.ts';
import { pushOut } from '../../storage/state/push-out.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { assertNever } from '../model/result.ts';
import { Asker, answerOf } from './asker.ts';
import type { EraseThreadData, FromEraser, LogQuestions, ToEraser } from './erase-protocol.ts';
import { attachProgress } from './progress.ts';

if (parentPort === null) throw new Error('the eraser thread is a worker thread');
const main = parentPort;
const data: EraseThreadData = workerData;

/** How long it may take to begin a file of the log, or to put one in the place of another. */
const LOG_TIMEOUT_MS = 60_000;

// On Linux a priority belongs to a thread.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
const shared = attachLogShared(data.shared);
const progress = attachProgress(data.progress);
const closing = new AbortController();
const writer = new Asker<LogQuestions>('the main thread', (question) => tell(question));
const state = attachState(data.state);
let erasing: Promise<void> = Promise.resolve();

main.on('message', (message: ToEraser) => {
  switch (message.type) {
    case 'ask': {
      const { erasure, value, rollups } = message.ask;
      const erase = async () => eraseFromLogAndState(await tools(), erasure, value, rollups);
      // One at a time: two would write the same files.
      erasing = erasing.then(() => answerOf(message.id, erase)).then(tell);
      break;
    }
    case 'answer':
      writer.hear(message);
      break;
    case 'close':
      closing.abort();
      void erasing.then(() => tell({ type: 'closed' }));
      break;
    default:
      assertNever(message);
  }
});

async function tools(): Promise<EraserTools> {
  const store = await state;
  return {
    state: store,
    journal: data.source.type === 'journal' ? journalTools(data.source) : undefined,
    partitions: shared.partitions,
    committed: (partition) => progress.committed[partition] ?? 0,
    sleep: (ms) => sleep(ms),
    signal: closing.signal,
    pushOut: () => pushOut(store, pushedOutKey(), (ms) => sleep(ms)),
  };
}

const journalTools = ({ dir }: JournalSource): JournalTools => ({
  journalDir: dir,
  disk: nodeDisk,
  files: {
    endFile: () => writer.ask('endFile', undefined, LOG_TIMEOUT_MS),
    replaceFile: (base) => writer.ask('replaceFile', base, LOG_TIMEOUT_MS),
  },
  wakeReaders: () => wakeReaders(shared),
});

function tell(message: FromEraser): void {
  main.postMessage(message);
}
