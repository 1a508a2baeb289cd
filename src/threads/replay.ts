/**
 * A replay thread: rebuilds rollups beside the live ones, at the lowest priority of all, and ends. What it is given is
 * `ReplayThreadData`. What it has done lies in its folder, so that another one goes on there.
 */
import { mkdir } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { fetchedSegments, localSegments } from '../../actors/cold/segment-files.ts';
import { Replay } from '../../actors/replay/replay.ts';
import type { SourceProgress } from '../../actors/replay/source.ts';
import { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import { openArchive } from '../../storage/archive/open.ts';
import { attachLogShared, logStart } from '../../storage/log/log-shared.ts';
import { patientReaders } from '../../storage/log/patient-reader.ts';
import { logReaders } from '../../storage/log/source.ts';
import { attachState, openState } from '../../storage/state/rocksdb.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { Asker, plainFault } from './asker.ts';
import { attachProgress } from './progress.ts';
import type {
  FromReplay,
  ReplayNews,
  ReplayThreadData,
  SwapQuestions,
  ToReplay,
} from './replay-protocol.ts';

if (parentPort === null) throw new Error('a replay thread is a worker thread');
const main = parentPort;
const data: ReplayThreadData = workerData;

/** Behind everything else: where processors are busy it gets a tenth of one. */
const PRIORITY = 10;
/** Partitions may have to finish a commit first. */
const SWAP_TIMEOUT_MS = 30_000;
/** Other work of the thread, such as being told to end, waits no longer than this. */
const YIELD_MS = 100;

setPriority(PRIORITY);
const log = createLogger({ ...data.logging, thread: 'replay' });
const asker = new Asker<SwapQuestions>('the main thread', tell);
const startedMs = systemClock.now();
const closing = new AbortController();
/** Partitions wait: this is no time to rest. */
let isHolding = false;
let sinceYieldMs = 0;
let firstRows: number | undefined;
let firstMs = data.record.firstEventMs;

main.on('message', (message: ToReplay) => {
  if (message.type === 'answer') asker.hear(message);
  else if (message.type === 'close') {
    closing.abort();
    void done.then(() => tell({ type: 'closed' }));
  }
});

const done = work().catch((error: unknown) => {
  if (closing.signal.aborted) return;
  log.error({ err: error, replay: data.record.spec.id }, 'a replay has failed');
  tell({ type: 'failed', fault: plainFault(error) });
});

async function work(): Promise<void> {
  const { record, folder, partitions } = data;
  await mkdir(folder, { recursive: true });
  const dir = join(folder, 'state');
  const shadow = await openState({ dir, partitions, isLogCompressed: false });
  const archive = await openArchive(data.archive);
  try {
    const shared = attachLogShared(data.shared);
    const progress = attachProgress(data.progress);
    const live = await attachState(data.state);
    const manifest = new ManifestReader(archive, log);
    const segments =
      data.archive.type === 'local'
        ? localSegments(data.archive.dir)
        : await fetchedSegments(archive, join(folder, 'segments'), data.cacheBytesMax);
    const replay = await Replay.open(
      {
        ...{ live, shadow, partitions, segments, state: live, pause, now: systemClock.now },
        memoryBytesMax: data.memoryBytesMax,
        manifest: () => manifest.refresh(Atomics.load(progress.archivedVersion, 0)),
        openReader: patientReaders(await logReaders(data.source, shared)),
        logStart: (partition) => logStart(shared, partition),
        tell: tellProgress,
        hold: () => {
          isHolding = true;
          return asker.ask('hold', undefined, SWAP_TIMEOUT_MS);
        },
        beginSwap: () => asker.ask('beginSwap', undefined, SWAP_TIMEOUT_MS),
        release: () => {
          isHolding = false;
          return asker.ask('release', undefined, SWAP_TIMEOUT_MS);
        },
      },
      record.spec,
    );
    firstRows = replay.rows;
    const isApplying = record.state === 'applying';
    const outcome = isApplying ? await replay.apply(record.allowLoss) : await replay.compare();
    const state = isApplying ? 'applied' : 'compared';
    tell({ type: 'news', news: { ...outcome, ...numbers(replay.rows), state } });
  } finally {
    await archive.close?.();
    await shadow.close();
  }
}

/** Rests as long as the share says, and ends what was told to end. */
async function pause(workedMs: number): Promise<void> {
  const { share } = data.record.spec;
  const restMs = isHolding ? 0 : workedMs * (1 / share - 1);
  sinceYieldMs += workedMs;
  if (restMs >= 1 || sinceYieldMs >= YIELD_MS) {
    sinceYieldMs = 0;
    await sleep(restMs, undefined, { signal: closing.signal }).catch(() => undefined);
  }
  if (closing.signal.aborted) throw new AppError('actor_stopped', 'the replay was told to end');
}

function tellProgress({ rows, rowsTotal, firstEventMs }: SourceProgress): void {
  // An earlier life may have begun sooner.
  if (firstEventMs !== undefined) firstMs = Math.min(firstMs ?? firstEventMs, firstEventMs);
  tell({ type: 'news', news: { ...numbers(rows), rowsTotal, firstEventMs: firstMs } });
}

function numbers(rows: number): ReplayNews {
  const workedMs = systemClock.now() - startedMs;
  return {
    rows,
    workedMs,
    rowsPerSecond: ((rows - (firstRows ?? rows)) / Math.max(1, workedMs)) * 1_000,
  };
}

function tell(message: FromReplay): void {
  main.postMessage(message);
}
