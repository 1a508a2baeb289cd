/**
 * A partition thread: some partitions, one actor each, and one reader of the log that feeds them. Of a node of a cluster they come
 * and go. What it is given is `PartitionThreadOptions`; what it says and hears is in protocol.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { PARTITION_RESTART, type PartitionOptions } from '../../actors/partition/actor.ts';
import { type OwnedPartition, PartitionGroup } from '../../actors/partition/group.ts';
import { ActorSystem } from '../../actors/runtime.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import {
  attachLogShared,
  logBytes,
  logEnd,
  logStart,
  newestEnd,
  publishEvents,
} from '../../storage/log/log-shared.ts';
import { logReaders } from '../../storage/log/source.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { BlockColumns } from '../aggregate/block-columns.ts';
import { createLogger } from '../logging.ts';
import { AT, BLOCK_KIND } from '../model/block-format.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import type { Offset } from '../model/units.ts';
import { answerOf, plainFault, type Question } from './asker.ts';
import { attachProgress, isOwned, publishApplied } from './progress.ts';
import type {
  PartitionMetrics,
  PartitionMoves,
  PartitionQuestions,
  PartitionThreadCommand,
  PartitionThreadEvent,
  PartitionThreadOptions,
} from './protocol.ts';

/** Longest wait of a request in a partition's mailbox; whoever asked gives up sooner. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Partitions commit one after the other through the interval: all at once stop the thread for the sum of their commits, 140 ms
 * with four partitions and a thousand series of sketches each. More turns share it among more and shorter pauses.
 */
const COMMIT_TURNS_MAX = 16;

/** How late readiness may be about a partition that has failed. */
const HEALTH_INTERVAL_MS = 1_000;

const options: PartitionThreadOptions = workerData;
const log = createLogger({ ...options.logging, thread: `partitions/${options.thread}` });
const shared = attachLogShared(options.shared);
const progress = attachProgress(options.progress);
// Not waited for yet: a topic's client takes a second of CPU to load, and partitions load their states meanwhile.
const openReader = logReaders(options.source, shared);
const store = await attachState(options.state);
const system = new ActorSystem({ clock: systemClock, random: Math.random, sleep, log });
const columns = new BlockColumns();
/** Of partitions that stand still, or will when they have come to it: what lets them go on. */
const holds = new Map<number, PromiseWithResolvers<void>>();

process.on('uncaughtException', fail);
const group = await PartitionGroup.start({
  system,
  partitions: options.partitions.filter((partition) => isOwned(progress, partition)),
  optionsOf,
  openReader,
  goesOnAt,
  onBlock: seen,
  sleep,
  log,
});
void group.feeding.catch(fail);
for (const port of options.clients) {
  port.on('message', (question: Question<PartitionQuestions>) => {
    void answerOf(question.id, () => answer(question))
      .then((said) => port.postMessage(said))
      .catch(fail);
  });
}
parentPort?.on('message', (command: PartitionThreadCommand) => {
  if (command.type === 'close') void close().catch(fail);
  else void answerOf(command.id, () => move(command)).then(tell);
});
const commitTurns = Math.min(options.partitions.length, COMMIT_TURNS_MAX);
const commitTimer = setInterval(
  () => group.commit(commitTurns),
  options.commitIntervalMs / commitTurns,
);
let told = '';
const healthTimer = setInterval(tellProblems, HEALTH_INTERVAL_MS);
tellProblems();
tell({ type: 'ready' });

function optionsOf(partition: number): Omit<PartitionOptions, 'watch'> {
  const { dedupIdsMax, dedupBytesMax, dedupOffsetsMax, deadLettersMax } = options.bounds;
  return {
    machine: {
      partition,
      dedup: { idsMax: dedupIdsMax, bytesMax: dedupBytesMax, offsetsMax: dedupOffsetsMax },
      dedupSeed: store.server.dedupSeed,
      deadLettersMax,
      columns,
    },
    store,
    clock: systemClock,
    log,
    restart: PARTITION_RESTART,
    logged: () => ({
      start: logStart(shared, partition),
      end: logEnd(shared, partition) ?? Number.POSITIVE_INFINITY,
    }),
    publish: {
      applied: (position) => publishApplied(shared, progress, partition, position),
      committed: (position, neededFrom) => {
        progress.committed[partition] = position;
        progress.needed[partition] = neededFrom;
      },
      wantsHeartbeat: (wanted) => Atomics.store(shared.watermarkWanted, partition, wanted ? 1 : 0),
    },
  };
}

/** What this process has not appended, but other nodes or the run before, is in nobody's memory here before it is read. */
function seen({ partition, nextOffset, bytes }: LoggedBlock): void {
  if (bytes[AT.kind] === BLOCK_KIND.events) publishEvents(shared, partition, nextOffset);
}

async function move({ name, ask: { partitions } }: Question<PartitionMoves>): Promise<undefined> {
  switch (name) {
    case 'take':
      await group.take(partitions);
      break;
    case 'give':
      // One that stands still would never come to its end.
      for (const partition of partitions) holds.get(partition)?.resolve();
      await group.give(partitions);
      for (const partition of partitions) forget(partition);
      break;
    default:
      assertNever(name);
  }
  tellProblems();
  return undefined;
}

/** Nobody's time has to be moved for it here. */
function forget(partition: number): void {
  holds.delete(partition);
  if (!group.has(partition)) Atomics.store(shared.watermarkWanted, partition, 0);
}

function goesOnAt(partition: number): Offset | undefined {
  const applied = shared.applied[partition] as number;
  const start = logStart(shared, partition);
  // One that ends before what is applied has lost its end: what comes next would count as applied.
  const isWhole = applied <= (logEnd(shared, partition) ?? 0);
  return isWhole && start <= applied ? start : undefined;
}

async function answer(question: Question<PartitionQuestions>): Promise<unknown> {
  switch (question.name) {
    case 'collect': {
      const { partition, request: asked } = question.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'collect', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'partials': {
      const { partition, request: asked } = question.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'partials', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'ledger': {
      const { partition, request: asked } = question.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'ledger', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'overflows': {
      const { partition, request: asked } = question.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'overflows', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'verdict': {
      const { partition, request: asked } = question.ask;
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'verdict', request: asked, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'hold': {
      const { partition } = question.ask;
      const hold = Promise.withResolvers<void>();
      holds.get(partition)?.resolve();
      holds.set(partition, hold);
      return actorOf(partition).ask(
        (replyTo) => ({ type: 'hold', released: hold.promise, replyTo }),
        ANSWER_TIMEOUT_MS,
      );
    }
    case 'release':
      holds.get(question.ask.partition)?.resolve();
      holds.delete(question.ask.partition);
      return undefined;
    case 'actors':
      return system.snapshot();
    case 'metrics':
      return group.partitions.map(metricsOf);
    default:
      return assertNever(question);
  }
}

const actorOf = (partition: number): OwnedPartition['ref'] => group.partition(partition).ref;

function metricsOf({ id, stats, ref }: OwnedPartition): PartitionMetrics {
  const { counters, ...numbers } = stats;
  const applied = shared.applied[id] as number;
  const snapshot = system.snapshot().find(({ path }) => path === ref.path);
  return {
    partition: id,
    state: ref.state,
    appliedOffset: applied,
    committedOffset: progress.committed[id] as number,
    lagBytes: logBytes(shared, [newestEnd(shared, id) - applied]),
    restarts: snapshot?.restarts ?? 0,
    blocks: counters.blocks,
    eventsApplied: counters.applied,
    eventsDuplicate: counters.duplicate,
    eventsRejected: counters.rejected,
    eventsLate: counters.late,
    eventsClamped: counters.clamped,
    eventsExpired: counters.expired,
    eventsPoison: counters.poison,
    sessions: counters.sessions,
    sessionsEarly: counters.sessionsEarly,
    sessionsLate: counters.sessionsLate,
    sessionsUnassigned: counters.sessionsUnassigned,
    ...numbers,
  };
}

/** Before `ready` too, so that nobody takes a thread for sound whose partitions have failed to load. */
function tellProblems(): void {
  const problems = group.problems();
  if (problems.join() === told) return;
  told = problems.join();
  tell({ type: 'problems', problems });
}

async function close(): Promise<void> {
  clearInterval(commitTimer);
  clearInterval(healthTimer);
  for (const hold of holds.values()) hold.resolve();
  await group.close();
  await system.stop();
  tell({ type: 'closed' });
  log.flush();
  for (const port of options.clients) port.close();
  parentPort?.close();
}

/** A bug of this thread itself, not of an actor: nothing here can be trusted any more. */
function fail(error: unknown): void {
  log.error({ err: error }, 'the partition thread failed');
  tell({ type: 'failed', ...plainFault(error) });
  log.flush();
  process.exit(1);
}

function tell(event: PartitionThreadEvent): void {
  parentPort?.postMessage(event);
}
