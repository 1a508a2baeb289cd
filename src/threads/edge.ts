/**
 * An edge thread: the ingest listener and its decoder. Edge 0 also owns the journal's writing side, and appends for
 * the others and for the main thread.
 */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createHeartbeats } from '../../storage/log/heartbeats.ts';
import { type Journal, openJournal } from '../../storage/log/journal.ts';
import { attachJournalShared, durableEnd } from '../../storage/log/journal-shared.ts';
import type { RewritableLog } from '../../storage/log/log.ts';
import { connectLogWriter, serveLogWriter } from '../../storage/log/remote.ts';
import { Producer } from '../ingest/producer.ts';
import { type Edge, startEdge } from '../ingest/server.ts';
import { createLogger } from '../logging.ts';
import { packControl, packHeartbeat } from '../model/block.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import type { RollupsControl } from '../model/rollup.ts';
import { offset } from '../model/units.ts';
import { Definer } from './definer.ts';
import type { EdgeFault, EdgeThreadData, FromEdge, ToEdge } from './edge-protocol.ts';
import { PartitionLinks } from './partition-links.ts';
import { attachProgress } from './progress.ts';
import { createWhenApplied } from './when-applied.ts';

/** What one idle partition's clock may lag behind. */
const HEARTBEAT_MS = 1_000;

if (parentPort === null) throw new Error('an edge is a worker thread');
const main = parentPort;
const data: EdgeThreadData = workerData;
const { edgeId, options } = data;
const clock = systemClock;
const logger = createLogger(data.logging);
const shared = attachJournalShared(data.journal);
const producer = new Producer({
  id: edgeId,
  epoch: data.producerEpoch,
  partitions: options.partitions,
  clock,
});

/** Definitions find no room in the log. */
const mustWait = Promise.withResolvers<void>();
const definer = new Definer({
  append: async (definitions) => writer?.append(controlBlocks(definitions)),
  sleep: (ms) => sleep(ms),
  onWait: () => {
    logger.warn({}, 'the log is full: changed rollups wait until it has room');
    mustWait.resolve();
  },
});

let edge: Edge | undefined;
let writer: RewritableLog | undefined;
let heartbeats: NodeJS.Timeout | undefined;
let unreadyReason: string | undefined = 'the server is starting';

const tell = (message: FromEdge) => main.postMessage(message);

process.on('uncaughtException', fail);
const started = start();
main.on('message', (message: ToEdge) => void obey(message));

async function start(): Promise<void> {
  try {
    const port = edgeId === 0 ? await ownPort(options.host, options.port) : options.port;
    const journal = await openLog();
    edge = await startEdge(
      { ...options, port },
      {
        log: writer as RewritableLog,
        producer,
        whenApplied: createWhenApplied({
          shared,
          progress: attachProgress(data.progress),
          partitions: new PartitionLinks(data.partitionThreads),
        }),
        clock,
        logger,
        unreadyReason: () => unreadyReason,
      },
    );
    const recovery = journal === undefined ? {} : { recovery: journal.recovery };
    tell({ type: 'listening', port, ...recovery });
  } catch (error) {
    fail(error);
  }
}

/** Sets `writer`; answers the journal if it is here. */
async function openLog(): Promise<Journal | undefined> {
  const { log } = data;
  if (log.type === 'remote') {
    const { type: _, ...where } = log;
    writer = connectLogWriter({ ...where, shared });
    return undefined;
  }
  const { type: _, durableBefore, definitions, definedTo, ...where } = log;
  const journal = await openJournal({ ...where, shared, durableBefore: offset(durableBefore) });
  writer = journal.writer;
  const isDefined = definedTo !== undefined && (durableEnd(shared) ?? 0) <= definedTo;
  if (definitions !== undefined && !isDefined) await defineFirst(definitions);
  const beat = createHeartbeats({
    shared,
    writer,
    block: (partition) => packHeartbeat(producer.next(partition)),
  });
  heartbeats = setInterval(() => {
    // After a failed sync nobody knows what the disk holds: only opening the journal anew finds out.
    if (journal.writer.refusal === 'log_io') fail(new AppError('log_io', 'the journal has failed'));
    else void beat().catch(fail);
  }, HEARTBEAT_MS);
  return journal;
}

/**
 * Logs the definitions before the first event. A full log takes neither them nor events: what is stored can be asked
 * meanwhile, and they follow as soon as there is room.
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
    case 'define':
      definer.define(message.control).then(() => tell({ type: 'defined', id: message.id }), fail);
      break;
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
