/**
 * An edge thread: the ingest listener and its decoder. Edge 0 also owns the log's writing side, and appends for the others
 * and for the main thread.
 */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createHeartbeats } from '../../storage/log/heartbeats.ts';
import { openJournal } from '../../storage/log/journal.ts';
import type { RecoveryReport } from '../../storage/log/journal-recovery.ts';
import type { LogWriter } from '../../storage/log/log.ts';
import { attachLogShared, logEnd, offsetBehind } from '../../storage/log/log-shared.ts';
import { connectLogWriter, serveLogWriter } from '../../storage/log/remote.ts';
import { attachSpoolShared, readSpool } from '../../storage/spool/spool-shared.ts';
import { Producer } from '../ingest/producer.ts';
import { type Edge, startEdge } from '../ingest/server.ts';
import { createLogger } from '../logging.ts';
import { packControl, packHeartbeat } from '../model/block.ts';
import { systemClock } from '../model/clock.ts';
import { AppError, isFault } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import type { RollupsControl } from '../model/rollup.ts';
import { spoolingInWords } from '../model/spool-view.ts';
import { offset } from '../model/units.ts';
import { Definer } from './definer.ts';
import type {
  EdgeFault,
  EdgeThreadData,
  FromEdge,
  JournalHere,
  KafkaHere,
  ToEdge,
} from './edge-protocol.ts';
import { refusalInWords } from './log-refusal-words.ts';
import { PartitionLinks, remoteLink } from './partition-links.ts';
import { attachProgress } from './progress.ts';
import { VisitLink } from './visit-link.ts';
import { createWhenApplied } from './when-applied.ts';

/** What one idle partition's clock may lag behind. */
const HEARTBEAT_MS = 1_000;

if (parentPort === null) throw new Error('an edge is a worker thread');
const main = parentPort;
const data: EdgeThreadData = workerData;
const { edgeId, options } = data;
const clock = systemClock;
const logger = createLogger(data.logging);
const shared = attachLogShared(data.shared);
const producer = new Producer({
  id: edgeId,
  epoch: data.producerEpoch,
  partitions: options.partitions,
  clock,
});

/** Brokers come back. After a failed sync nobody knows what a disk holds: only opening the journal anew finds out. */
const isPassing = (error: unknown): boolean =>
  isFault(error, 'log_full') ||
  isFault(error, 'log_backpressure') ||
  isFault(error, 'log_away') ||
  isFault(error, 'log_gone');

const spool = data.spool && attachSpoolShared(data.spool);
const spoolView = () => spool && readSpool(spool);
/** In words; undefined while events go to the log itself. */
const spooling = () => spoolingInWords(spoolView());

/** Definitions find no room in the log. */
const mustWait = Promise.withResolvers<void>();
const definer = new Definer({
  append: async (definitions) => writer?.append(controlBlocks(definitions)),
  isPassing,
  sleep: (ms) => sleep(ms),
  onWait: () => {
    logger.warn({}, 'the log takes nothing: changed rollups wait until it does');
    mustWait.resolve();
  },
});

const visits = new VisitLink();
let edge: Edge | undefined;
let writer: LogWriter | undefined;
let heartbeats: NodeJS.Timeout | undefined;
let unreadyReason: string | undefined = 'the server is starting';

const tell = (message: FromEdge) => main.postMessage(message);

process.on('uncaughtException', fail);
const started = start();
main.on('message', (message: ToEdge) => void obey(message));

async function start(): Promise<void> {
  const progress = attachProgress(data.progress);
  const remote = data.remotePartitions && remoteLink(data.remotePartitions);
  try {
    const port = edgeId === 0 ? await ownPort(options.host, options.port) : options.port;
    const recovery = await openLog();
    edge = await startEdge(
      { ...options, port },
      {
        log: writer as LogWriter,
        producer,
        offsetBehind: (block, bytes) => offsetBehind(shared, block, bytes),
        whenApplied: createWhenApplied({
          shared,
          progress,
          partitions: new PartitionLinks(data.partitionThreads, { progress, remote }),
        }),
        clock,
        logger,
        // What is spooled waits for the rest of the server as it waits for the log.
        unreadyReason: () => (spooling() === undefined ? unreadyReason : undefined),
        refusalInWords: (refusal) => refusalInWords(refusal, data.topic, spoolView()),
        readyNote: () => spooling(),
        visits,
      },
    );
    tell({ type: 'listening', port, ...(recovery && { recovery }) });
  } catch (error) {
    fail(error);
  }
}

/** Sets `writer`; answers what was found of a journal that is here. */
async function openLog(): Promise<RecoveryReport | undefined> {
  const { log } = data;
  if (log.type === 'remote') {
    const { type: _, ...where } = log;
    writer = connectLogWriter({ ...where, shared });
    return undefined;
  }
  const recovery = await openWriter(log);
  const { definitions, definedTo } = log;
  // What is spooled comes behind the end.
  const isDefined =
    spooling() === undefined &&
    definedTo !== undefined &&
    definedTo.every((to, p) => (logEnd(shared, p) ?? 0) <= to);
  if (definitions !== undefined && !isDefined) await defineFirst(definitions);
  startHeartbeats();
  return recovery;
}

async function openWriter(log: JournalHere | KafkaHere): Promise<RecoveryReport | undefined> {
  if (log.type === 'kafka') {
    const { source, pendingBytesMax, inSyncMin = 1, committed, spool } = log;
    const topic = { ...source, shared, pendingBytesMax, inSyncMin, committed };
    if (spool === undefined) {
      const { openKafkaWriter } = await import('../../storage/kafka/kafka-writer.ts');
      writer = await openKafkaWriter(topic);
    } else {
      const { openSpooledLog } = await import('../../storage/kafka/spooled-log.ts');
      writer = await openSpooledLog(topic, spool, logger.child({ component: 'spool' }), fail);
    }
    return undefined;
  }
  const { type: _, durableBefore, ...where } = log;
  const journal = await openJournal({ ...where, shared, durableBefore: offset(durableBefore) });
  writer = journal.writer;
  return journal.recovery;
}

function startHeartbeats(): void {
  const beat = createHeartbeats({
    shared,
    writer: writer as LogWriter,
    isPassing,
    block: (partition) => packHeartbeat(producer.next(partition)),
  });
  let isBeating = false;
  heartbeats = setInterval(() => {
    if (writer?.refusal === 'log_io') {
      fail(new AppError('log_io', 'the disk of the log has failed'));
    } else if (!isBeating && spooling() === undefined) {
      isBeating = true;
      void beat()
        .catch(fail)
        .finally(() => {
          isBeating = false;
        });
    }
  }, HEARTBEAT_MS);
}

/**
 * Logs the definitions before the first event. A log that takes nothing takes no events either: what is stored can be asked
 * meanwhile, and they follow as soon as it does.
 */
function defineFirst(definitions: RollupsControl): Promise<void> {
  const defined = definer.define(definitions);
  defined.catch(fail);
  return Promise.race([defined, mustWait.promise]);
}

const controlBlocks = (definitions: RollupsControl): Uint8Array[] =>
  Array.from({ length: options.partitions }, (_, partition) =>
    packControl(producer.next(partition), definitions),
  );

async function obey(message: ToEdge): Promise<void> {
  await started;
  switch (message.type) {
    case 'serveLog':
      if (writer !== undefined) serveLogWriter(writer, message.port);
      break;
    case 'connectWeb':
      visits.connect(message.port);
      break;
    case 'define':
      definer.define(message.control).then(() => tell({ type: 'defined', id: message.id }), fail);
      break;
    case 'send': {
      const { id, events } = message;
      edge?.send(events).then((sent) => tell({ type: 'sent', id, sent }), fail);
      break;
    }
    case 'counts':
      if (edge !== undefined) tell({ type: 'counts', id: message.id, counts: edge.counts() });
      break;
    case 'ready':
      unreadyReason = message.reason;
      break;
    case 'close':
      await close();
      break;
    default:
      assertNever(message);
  }
}

async function close(): Promise<void> {
  clearInterval(heartbeats);
  await edge?.close();
  await writer?.close();
  tell({ type: 'closed' });
  logger.flush();
  // Ports of other threads may still be open; nothing that matters hangs on them now.
  process.exit(0);
}

/** The last thing that this thread does. An open listener would make its end the end of the process. */
function fail(error: unknown): void {
  edge?.abort();
  logger.error({ err: error }, 'the edge thread failed');
  tell({ type: 'failed', fault: faultOf(error) });
  logger.flush();
  process.exit(1);
}

function faultOf(error: unknown): EdgeFault {
  if (!(error instanceof AppError)) return { message: String(error) };
  const { message, code, location } = error;
  return { message, code, location };
}

/**
 * The port itself if nobody listens there, or any free one for 0. Asked of Node because the edge's own sockets share
 * their port with other edges, and so would silently share it with another server too.
 */
async function ownPort(host: string, port: number): Promise<number> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host, port, exclusive: true }, resolve);
    });
    const address = probe.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('listen_failed', `${host}:${port} cannot be listened on: ${why}`, {}, error);
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}
