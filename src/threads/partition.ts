/**
 * A partition thread: some partitions, one actor each, and one reader of the journal that feeds them. What it is given is
 * `PartitionThreadOptions`; what it says and hears is in protocol.ts.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import {
  BLOCKS_AHEAD_MAX,
  PARTITION_RESTART,
  type PartitionActor,
  partitionActor,
} from '../../actors/partition/actor.ts';
import type { PartitionCommand } from '../../actors/partition/protocol.ts';
import { type ActorRef, ActorSystem } from '../../actors/runtime.ts';
import { JOURNAL_READ_BYTES } from '../../storage/limits.ts';
import { openJournalReader } from '../../storage/log/journal-reader.ts';
import { attachJournalShared, durableEnd, journalStart } from '../../storage/log/journal-shared.ts';
import type { LogRead, LogReader } from '../../storage/log/log.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { BlockColumns } from '../aggregate/block-columns.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import { type Offset, offset } from '../model/units.ts';
import { attachProgress, publishApplied } from './progress.ts';
import type {
  PartitionAnswer,
  PartitionMetrics,
  PartitionRequest,
  PartitionThreadCommand,
  PartitionThreadEvent,
  PartitionThreadOptions,
} from './protocol.ts';

/** A log that cannot be read is tried again this often: the disk may come back, and a person may restore a file. */
const READ_RETRY_MS = 5_000;
/** Longest wait of a request in a partition's mailbox; whoever asked gives up sooner. */
const ANSWER_TIMEOUT_MS = 10_000;

const options: PartitionThreadOptions = workerData;
const log = createLogger({ ...options.logging, thread: `partitions/${options.thread}` });
const journal = attachJournalShared(options.journal);
const progress = attachProgress(options.progress);
const store = await attachState(options.state);
const system = new ActorSystem({ clock: systemClock, random: Math.random, sleep, log });
const columns = new BlockColumns();

interface Owned {
  readonly id: number;
  readonly stats: PartitionActor['stats'];
  readonly ref: ActorRef<PartitionCommand>;
  /** Counts the actor's lives: what was read for an earlier one is not for this one. */
  life: number;
}

const owned = new Map<number, Owned>();
let reader: LogReader | undefined;
let isClosing = false;

process.on('uncaughtException', fail);
parentPort?.on('message', (command: PartitionThreadCommand) => {
  if (command.type === 'close') void close().catch(fail);
});

const readFrom = await startPartitions();
for (const port of options.clients) {
  port.on('message', (request: PartitionRequest) => void serve(port, request).catch(fail));
}
tell({ type: 'ready' });
const commitTimer = setInterval(() => {
  for (const { ref } of owned.values()) if (ref.state === 'running') ref.offer({ type: 'commit' });
}, options.commitIntervalMs);
const feeding = feed(readFrom).catch(fail);

/** Spawns the actors; resolves with where each wants to read from, once all have loaded or failed to. */
async function startPartitions(): Promise<Map<number, Offset>> {
  const from = new Map<number, Offset>();
  const settled = options.partitions.map((id) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { spec, stats } = partitionActor({
      machine: {
        partition: id,
        dedup: {
          idsMax: options.bounds.dedupIdsMax,
          bytesMax: options.bounds.dedupBytesMax,
          logBytesMax: options.bounds.dedupLogBytesMax,
        },
        dedupSeed: store.server.dedupSeed,
        deadLettersMax: options.bounds.deadLettersMax,
        columns,
      },
      store,
      clock: systemClock,
      log,
      restart: PARTITION_RESTART,
      logged: () => ({
        start: journalStart(journal),
        end: durableEnd(journal) ?? Number.POSITIVE_INFINITY,
      }),
      publish: {
        started: (position) => {
          from.set(id, offset(position));
          reader?.seek(id, offset(position));
          resolve();
        },
        crashed: () => {
          const partition = owned.get(id);
          if (partition !== undefined) partition.life += 1;
          resolve();
        },
        applied: (position) => publishApplied(journal, progress, id, position),
        committed: (position, neededFrom) => {
          progress.committed[id] = position;
          progress.needed[id] = neededFrom;
        },
        wantsHeartbeat: (wanted) => Atomics.store(journal.watermarkWanted, id, wanted ? 1 : 0),
      },
    });
    owned.set(id, { id, stats, ref: system.spawn('partition', spec), life: 0 });
    return promise;
  });
  await Promise.all(settled);
  return from;
}

/** The journal's blocks to their partitions, until `close`. A partition that is restarting gets its own again later. */
async function feed(from: Map<number, Offset>): Promise<void> {
  // One that has not loaded joins by a seek; until then it reads from the end, that is nothing.
  const wanted = from.size > 0 ? from : new Map([[options.partitions[0] as number, offset(0)]]);
  reader = openJournalReader({ dir: options.journalDir, shared: journal, from: wanted });
  while (!isClosing) {
    const read = await readSome(reader);
    if (read !== undefined) await distribute(read);
  }
}

async function readSome(from: LogReader): Promise<LogRead | undefined> {
  try {
    return await from.read(JOURNAL_READ_BYTES);
  } catch (error) {
    log.error({ err: error }, 'the log cannot be read; partitions stand still until it can');
    await sleep(READ_RETRY_MS, undefined, { ref: false });
    return undefined;
  }
}

async function distribute({ blocks, readTo }: LogRead): Promise<void> {
  const lives = new Map(Array.from(owned.values(), ({ id, life }) => [id, life]));
  const isCurrent = ({ id, life }: Owned): boolean => life === lives.get(id);
  const served = new Set<number>();
  for (const block of blocks) {
    const partition = owned.get(block.partition);
    if (partition === undefined) continue;
    served.add(partition.id);
    await partition.ref.credit(BLOCKS_AHEAD_MAX);
    if (isCurrent(partition)) partition.ref.offer({ type: 'apply', block });
  }
  for (const partition of owned.values()) {
    const { id, ref } = partition;
    if (served.has(id) || !isCurrent(partition) || ref.state !== 'running') continue;
    if (ref.depth < BLOCKS_AHEAD_MAX) ref.offer({ type: 'readTo', offset: readTo(id) });
  }
}

async function serve(port: MessagePort, request: PartitionRequest): Promise<void> {
  const { id } = request;
  try {
    port.postMessage({ id, ok: true, answer: await answer(request) } satisfies PartitionAnswer);
  } catch (error) {
    port.postMessage({ id, ok: false, ...faultOf(error) } satisfies PartitionAnswer);
  }
}

type Answer = Extract<PartitionAnswer, { ok: true }>['answer'];

async function answer(request: PartitionRequest): Promise<Answer> {
  switch (request.name) {
    case 'collect': {
      const { partition, request: asked } = request.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'collect', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'ledger': {
      const { partition, request: asked } = request.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'ledger', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'verdict': {
      const { partition, request: asked } = request.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'verdict', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'actors':
      return system.snapshot();
    case 'metrics':
      return Array.from(owned.values(), metricsOf);
    default:
      return assertNever(request);
  }
}

function actorOf(partition: number): ActorRef<PartitionCommand> {
  const known = owned.get(partition);
  if (known === undefined) throw new RangeError(`partition ${partition} is not of this thread`);
  return known.ref;
}

function metricsOf({ id, stats, ref }: Owned): PartitionMetrics {
  const { counters, ...numbers } = stats;
  const applied = journal.applied[id] as number;
  const snapshot = system.snapshot().find(({ path }) => path === ref.path);
  return {
    partition: id,
    state: ref.state,
    appliedOffset: applied,
    committedOffset: progress.committed[id] as number,
    lagBytes: Math.max(0, (journal.partitionEnds[id] as number) - applied),
    restarts: snapshot?.restarts ?? 0,
    blocks: counters.blocks,
    eventsApplied: counters.applied,
    eventsDuplicate: counters.duplicate,
    eventsRejected: counters.rejected,
    eventsLate: counters.late,
    eventsClamped: counters.clamped,
    eventsExpired: counters.expired,
    eventsPoison: counters.poison,
    ...numbers,
  };
}

async function close(): Promise<void> {
  isClosing = true;
  clearInterval(commitTimer);
  reader?.close();
  await feeding;
  await system.stop();
  tell({ type: 'closed' });
  log.flush();
  for (const port of options.clients) port.close();
  parentPort?.close();
}

/** A bug of this thread itself, not of an actor: nothing here can be trusted any more. */
function fail(error: unknown): void {
  log.error({ err: error }, 'the partition thread failed');
  tell({ type: 'failed', ...faultOf(error) });
  log.flush();
  process.exit(1);
}

function tell(event: PartitionThreadEvent): void {
  parentPort?.postMessage(event);
}

function faultOf(
  error: unknown,
): Pick<Extract<PartitionAnswer, { ok: false }>, 'code' | 'message'> {
  const code = error instanceof AppError ? error.code : undefined;
  return { code, message: error instanceof Error ? error.message : String(error) };
}
