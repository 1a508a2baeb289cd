/**
 * The cold thread: answers questions about single events, from the archive and the log behind it. It is started at the first of
 * them and ends when none has come for a while. What it is given is `ColdThreadData`. DuckDB runs in processes of their
 * own, one for each question that is answered at the time.
 */
import { mkdir, rm } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { findEvent, findEvents } from '../../actors/cold/events.ts';
import { exportEvents, noSuchStream } from '../../actors/cold/export.ts';
import { buildFilters } from '../../actors/cold/filter-build.ts';
import {
  FILTERS_BYTES_MAX,
  JOINS_BYTES_MAX,
  JOINS_DISK_FREE_BYTES_MIN,
} from '../../actors/cold/limits.ts';
import type { ExportAnswer } from '../../actors/cold/questions.ts';
import { ReadCounts } from '../../actors/cold/read-counts.ts';
import { fetchedSegments, localSegments } from '../../actors/cold/segment-files.ts';
import { SegmentFilters } from '../../actors/cold/segment-filters.ts';
import { SegmentJoins } from '../../actors/cold/segment-joins.ts';
import { findSeries, scanSeries } from '../../actors/cold/series.ts';
import { Snapshots, type StreamSnapshot } from '../../actors/cold/snapshots.ts';
import { answerSql } from '../../actors/cold/sql.ts';
import { ValueFilters } from '../../actors/cold/value-filters.ts';
import { ownVoucher } from '../../actors/partition/voucher.ts';
import { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import { openArchive } from '../../storage/archive/open.ts';
import { attachLogShared, logStart } from '../../storage/log/log-shared.ts';
import { logReaders } from '../../storage/log/source.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import { AskedState } from './asked-state.ts';
import { answerOf, type Question } from './asker.ts';
import { ByteWriters } from './byte-stream.ts';
import type { ColdQuestions, ColdThreadData, FromCold, ToCold } from './cold-protocol.ts';
import { DuckProcess } from './duck-process.ts';
import { attachProgress } from './progress.ts';

if (parentPort === null) throw new Error('the cold thread is a worker thread');
const main = parentPort;
const data: ColdThreadData = workerData;

/** Behind taking events in, before bringing them to the archive. */
const PRIORITY = 5;

setPriority(PRIORITY);
// Whoever asks at once waits for what follows.
main.on('message', (message: ToCold) => {
  switch (message.type) {
    case 'ask':
      void answerOf(message.id, () => answer(message)).then(tell);
      break;
    case 'taken':
    case 'unwanted':
      exports.hear(message);
      break;
    case 'close':
      void close();
      break;
    default:
      assertNever(message);
  }
});

const log = createLogger({ ...data.logging, thread: 'cold' });
const tailDir = join(data.workDir, 'tail');
const duckDir = join(data.workDir, 'duckdb');
const shared = attachLogShared(data.shared);
const progress = attachProgress(data.progress);
const archiveDirs = data.archive.type === 'local' ? [data.archive.dir] : [];
const opened = open();
opened.catch(() => undefined);
/** Those that wait for a question. */
const idle: DuckProcess[] = [];
const busy = new Set<DuckProcess>();
const exports = new ByteWriters(tell);
const filters = new ValueFilters(FILTERS_BYTES_MAX);
const segmentFilters = new SegmentFilters();
const segmentJoins = new SegmentJoins(
  join(data.workDir, 'joins'),
  JOINS_BYTES_MAX,
  JOINS_DISK_FREE_BYTES_MIN,
);
/** A join or a statement that makes filters is at work. */
let building: Promise<void> | undefined;
let isClosing = false;
let processes = 0;
let chunks = 0;

async function open() {
  // What an earlier thread has left means nothing to this one.
  await rm(data.workDir, { recursive: true, force: true });
  await mkdir(tailDir, { recursive: true });
  await mkdir(duckDir, { recursive: true });
  const local = await attachState(data.state);
  const elsewhere = data.elsewhere && new AskedState(data.elsewhere, local, progress);
  const archive = await openArchive(data.archive);
  const segments =
    data.archive.type === 'local'
      ? localSegments(data.archive.dir)
      : await fetchedSegments(archive, join(data.workDir, 'segments'), data.cacheBytesMax);
  const snapshots = new Snapshots({
    manifest: new ManifestReader(archive, log),
    archivedVersion: () => Atomics.load(progress.archivedVersion, 0),
    committed: () => [...progress.committed],
    logStart: (partition) => logStart(shared, partition),
    openReader: await logReaders(data.source, shared),
    state: elsewhere ?? local,
    voucher: elsewhere?.voucher ?? ownVoucher,
    newPath: () => join(tailDir, `${chunks++}.parquet`),
    bytesMax: data.tailBytesMax,
  });
  return new ReadCounts(segments, segmentJoins, snapshots);
}

async function answer(question: Question<ColdQuestions>): Promise<unknown> {
  if (question.name === 'export') return answerExport(question.ask);
  if (question.name === 'read') return (await opened).numbers();
  if (question.name === 'forget') return forget();
  const timeLeftMs = timer(systemClock.now() + data.timeoutMs);
  const { segments, snapshots, joins } = await opened;
  if (question.name === 'scan') {
    return withStream(snapshots, question.ask, undefined, async (snapshot) =>
      scanSeries(snapshot, question.ask),
    );
  }
  return withDuck<unknown>((duck) => {
    const tools = { duck, segments, joins, filters, segmentFilters, timeLeftMs };
    switch (question.name) {
      case 'events':
        return withStream(snapshots, question.ask, { events: [], hasMore: false }, (snapshot) =>
          findEvents(tools, snapshot, question.ask),
        );
      case 'event':
        return withStream(snapshots, question.ask, undefined, (snapshot) =>
          findEvent(tools, snapshot, question.ask),
        );
      case 'timeseries':
        return withStream(snapshots, question.ask, undefined, (snapshot) =>
          findSeries(tools, snapshot, question.ask),
        );
      case 'sql':
        return answerSql(tools, snapshots, question.ask);
      default:
        return assertNever(question);
    }
  });
}

async function forget(): Promise<void> {
  const { segments, snapshots } = await opened;
  await building;
  segments.forget();
  filters.forget();
  segmentJoins.forget();
  await snapshots.forget();
}

async function answerExport({
  stream,
  question,
}: ColdQuestions['export']['ask']): Promise<ExportAnswer> {
  const timeLeftMs = timer(question.endMs);
  return exports.use(stream, async (take, unwanted) => {
    const { segments, snapshots } = await opened;
    unwanted.throwIfAborted();
    return withDuck(async (duck) => {
      unwanted.addEventListener('abort', () => duck.close());
      const snapshot = await snapshots.take(question.tenant, [question.stream]);
      try {
        const found = snapshot.streams.get(question.stream);
        if (found === undefined) throw noSuchStream(question.stream, snapshot.archivedStreams);
        return await exportEvents({ duck, segments, timeLeftMs }, found, question, take);
      } finally {
        snapshot.release();
      }
    });
  });
}

/** What is left until then; throws `query_timeout` when nothing is. */
const timer = (endMs: number) => () => {
  const leftMs = endMs - systemClock.now();
  if (leftMs > 0) return leftMs;
  throw new AppError(
    'query_timeout',
    'not answered within the time that it may take: ask for less',
  );
};

/** `otherwise` if no events of the stream are known. */
async function withStream<T>(
  snapshots: Pick<Snapshots, 'take'>,
  { tenant, stream }: { readonly tenant: string; readonly stream: string },
  otherwise: T,
  work: (snapshot: StreamSnapshot) => Promise<T>,
): Promise<T> {
  const snapshot = await snapshots.take(tenant, [stream]);
  try {
    const found = snapshot.streams.get(stream);
    return found === undefined ? otherwise : await work(found);
  } finally {
    snapshot.release();
  }
}

/** No more of them than questions that are asked at a time: whoever asks bounds these. */
async function withDuck<T>(work: (duck: DuckProcess) => Promise<T>): Promise<T> {
  if (idle.length === 0) await building;
  try {
    return await onDuck(work);
  } finally {
    if (filters.wish !== undefined || segmentJoins.isWished) setImmediate(build);
  }
}

/** One thing at a time, and none while a question is at work: those that have waited for one go first. */
function build(): void {
  if (busy.size > 0 || building !== undefined || isClosing) return;
  building = opened
    .then(async ({ segments }) => {
      if (await segmentJoins.build(segments)) return true;
      if (filters.wish === undefined) return false;
      return onDuck((duck) => buildFilters({ duck, segments, filters }));
    })
    .catch((error: unknown) => {
      log.debug({ err: error }, 'joins of segments or filters of values could not be made');
      return false;
    })
    .then((isMade) => {
      building = undefined;
      if (isMade) setImmediate(build);
    });
}

async function onDuck<T>(work: (duck: DuckProcess) => Promise<T>): Promise<T> {
  const duck =
    idle.pop() ??
    new DuckProcess(
      {
        ...data.duck,
        tempDir: join(duckDir, String(processes++)),
        folders: [...archiveDirs, data.workDir],
      },
      data.workDir,
    );
  busy.add(duck);
  try {
    return await work(duck);
  } finally {
    busy.delete(duck);
    if (duck.isUsable) idle.push(duck);
  }
}

async function close(): Promise<void> {
  isClosing = true;
  for (const duck of [...idle.splice(0), ...busy]) duck.close();
  await rm(data.workDir, { recursive: true, force: true });
  tell({ type: 'closed' });
}

function tell(message: FromCold): void {
  main.postMessage(message);
}
