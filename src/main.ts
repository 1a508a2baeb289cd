/**
 * The composition root: reads top-down as the way of an event. Edges take it in and write the log, partition threads
 * read the log and keep the aggregates, the query listener answers.
 */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { rulesInEffect } from '../actors/alarm-board/declarations.ts';
import { loadDeclared } from '../actors/alarm-board/rows.ts';
import { loadHead } from '../actors/partition/snapshot.ts';
import manifest from '../package.json' with { type: 'json' };
import { createJournalShared } from '../storage/log/journal-shared.ts';
import { connectLogWriter } from '../storage/log/remote.ts';
import { openState } from '../storage/state/rocksdb.ts';
import type { StateReader } from '../storage/state/state.ts';
import { rollupsOf } from './alarm/compile.ts';
import { startArchive } from './archive-side.ts';
import { BackupSide } from './backup-side.ts';
import type { RunningServer } from './cli/start.ts';
import type { Config } from './config.ts';
import { prepareDataDir } from './data-dir.ts';
import { Declarations } from './declarations.ts';
import type { Foundation } from './foundation.ts';
import type { EdgeOptions } from './ingest/options.ts';
import { createLogger } from './logging.ts';
import type { AppError } from './model/errors.ts';
import type { RollupDefinition } from './model/rollup.ts';
import { startRetention } from './retention.ts';
import type { JournalHere } from './threads/edge-protocol.ts';
import { EdgeWorker } from './threads/edge-worker.ts';
import type { PartitionThread } from './threads/partition-links.ts';
import { PartitionWorker } from './threads/partition-worker.ts';
import { createProgress, neededFrom } from './threads/progress.ts';

/** The part of the log that the window of duplicates may pin; the rest is for what is not applied yet. */
const DEDUP_LOG_PART = 0.5;

/**
 * V8 lets a heap grow up to fourfold before it collects all of it. Wide live answers are short-lived objects: with this
 * the resident memory beside eight of them peaks a third lower, for a tenth of the main thread's time.
 */
const HEAP_GROWING_PERCENT = 40;

/** Rejects with an `AppError`; what was started by then is stopped. */
export async function startServer(config: Config): Promise<RunningServer> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const logger = createLogger({ ...config.logging, thread: 'main' });
  const closers: (() => void | Promise<void>)[] = [];
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step();
    logger.flush();
  };
  const failed = Promise.withResolvers<AppError>();
  try {
    await prepareDataDir(config.dataDir);
    const state = await openState({
      dir: join(config.dataDir, 'state'),
      partitions: config.partitions,
    });
    closers.push(() => state.close());
    const base: Foundation = {
      config,
      logger,
      state,
      journalDir: join(config.dataDir, 'journal'),
      shared: createJournalShared(config.partitions),
      progress: createProgress(config.partitions),
      declarations: new Declarations(state.server.starts, await rollupsWanted(config, state)),
      onFailed: (fault) => failed.resolve(fault),
    };

    const edges: EdgeWorker[] = [];
    let isStarting = true;
    const problems = () =>
      isStarting
        ? ['the partitions are loading their state']
        : partitionWorkers.flatMap((worker) => worker.problems);
    const tellEdges = () => {
      for (const edge of edges) edge.setReadiness(inWords(problems()));
    };
    const partitionWorkers = startPartitions(base, tellEdges);
    closers.push(() => Promise.all(partitionWorkers.map((worker) => worker.close())).then());
    closers.push(() => closeEdges(edges));
    const ingestPort = await startEdges(base, partitionWorkers, edges);
    const backup = new BackupSide(base);
    closers.push(shortenLog(base, edges[0] as EdgeWorker, backup));
    closers.push(() => backup.close());
    const archive = startArchive(base);
    closers.push(() => archive?.close());

    const scheme = config.tls === undefined ? 'http' : 'https';
    const ingestUrl = `${scheme}://${hostInUrl(config.listen.host)}:${ingestPort}`;
    const ready = Promise.all(partitionWorkers.map((worker) => worker.ready));
    // Loaded only now: events are accepted already.
    const { startQuerySide } = await import('./query-side.ts');
    const asker = partitionThreads(partitionWorkers, 0);
    const query = await startQuerySide(base, asker, edges, ingestUrl, problems, archive, backup);
    closers.push(() => query.close());

    await ready;
    isStarting = false;
    tellEdges();
    logger.info({ ingestUrl, queryUrl: query.url, version: manifest.version }, 'ready');
    return { ingestUrl, queryUrl: query.url, failed: failed.promise, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those of the configuration, and those that alarm rules are evaluated on, wherever the rules were declared. */
async function rollupsWanted(config: Config, state: StateReader): Promise<RollupDefinition[]> {
  const declared = await loadDeclared(state);
  return [...config.rollups, ...rollupsOf(rulesInEffect(config.alarms.rules, declared.rules))];
}

/** The edges that append through edge 0 first: it closes the journal. */
async function closeEdges([first, ...others]: readonly EdgeWorker[]): Promise<void> {
  await Promise.all(others.map((edge) => edge.close()));
  await first?.close();
}

/** Problems that a health check shows; a person looks for more in the log. */
const PROBLEMS_SHOWN = 3;

/** Undefined: there are none. */
function inWords(problems: readonly string[]): string | undefined {
  if (problems.length === 0) return undefined;
  const more = problems.length - PROBLEMS_SHOWN;
  return [...problems.slice(0, PROBLEMS_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join(
    '; ',
  );
}

/** Partition p belongs to thread p modulo the number of threads. */
function startPartitions(base: Foundation, onProblems: () => void): PartitionWorker[] {
  const { config, state, journalDir, shared, progress, onFailed } = base;
  const { partitions, dedup, journal } = config;
  const threads = Math.min(config.partitionThreads, partitions);
  const askers = 1 + config.edgeThreads;
  const bounds = {
    dedupIdsMax: Math.ceil(dedup.windowIdsMax / partitions),
    dedupBytesMax: Math.floor(dedup.memoryBytesMax / partitions),
    dedupLogBytesMax: Math.floor(journal.bytesMax * DEDUP_LOG_PART),
    deadLettersMax: Math.ceil(config.deadLetters.countMax / partitions),
  };
  return Array.from({ length: threads }, (_, thread) => {
    const options = {
      thread,
      partitions: allBelow(partitions).filter((partition) => partition % threads === thread),
      journalDir,
      journal: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      commitIntervalMs: config.commit.intervalMs,
      bounds,
      logging: config.logging,
    };
    return new PartitionWorker(options, askers, onFailed, onProblems);
  });
}

/** Edge 0 opens the journal before the others start. Fills `edges`; answers the port that all of them listen on. */
async function startEdges(
  base: Foundation,
  partitionWorkers: readonly PartitionWorker[],
  edges: EdgeWorker[],
): Promise<number> {
  const { config, logger, shared, progress, onFailed } = base;
  const dataOf = (edgeId: number, port: number) => ({
    edgeId,
    options: { ...edgeOptions(config), port },
    logging: { ...config.logging, thread: `edge/${edgeId}` },
    producerEpoch: base.state.server.starts,
    journal: shared.buffer,
    progress: progress.buffer,
    partitionThreads: partitionThreads(partitionWorkers, edgeId + 1),
  });
  const first = new EdgeWorker(
    { ...dataOf(0, config.listen.ingestPort), log: await journalToOpen(base) },
    onFailed,
  );
  edges.push(first);
  base.declarations.logThrough((control) => first.define(control));
  const { port, recovery } = await first.listening;
  if (recovery?.cut !== undefined) logger.warn(recovery.cut, 'the torn end of the log was cut');
  for (const damage of recovery?.damage ?? []) logger.error(damage, 'the log is damaged here');
  for (let edgeId = 1; edgeId < config.edgeThreads; edgeId++) {
    const { port1, port2 } = new MessageChannel();
    first.serveLog(port1);
    const { pendingBytesMax } = config.journal;
    const log = { type: 'remote', port: port2, pendingBytesMax } as const;
    edges.push(new EdgeWorker({ ...dataOf(edgeId, port), log }, onFailed));
  }
  await Promise.all(edges.map(({ listening }) => listening));
  return port;
}

/**
 * With the definitions of rollups, to be logged before the first event if some partition has others; or if the log goes on behind
 * what is committed, where others may still wait to be applied.
 */
async function journalToOpen({
  config,
  state,
  journalDir,
  declarations,
}: Foundation): Promise<JournalHere> {
  const definitions = declarations.current;
  const wanted = JSON.stringify(definitions.rollups);
  let durableBefore = 0;
  let definedTo = Number.POSITIVE_INFINITY;
  for (const partition of allBelow(config.partitions)) {
    const head = await loadHead(state, partition);
    const position = head?.state.position ?? 0;
    const isCurrent = JSON.stringify(head?.definitions?.rollups) === wanted;
    definedTo = Math.min(definedTo, isCurrent ? position : -1);
    durableBefore = Math.max(durableBefore, position);
  }
  return {
    type: 'journal',
    dir: journalDir,
    ...config.journal,
    durableBefore,
    definitions,
    definedTo,
  };
}

function shortenLog(
  { state, shared, progress, logger }: Foundation,
  journalOwner: EdgeWorker,
  backup: BackupSide,
) {
  const { port1, port2 } = new MessageChannel();
  journalOwner.serveLog(port2);
  const stop = startRetention({
    neededFrom: () => Math.min(neededFrom(progress), backup.pinnedFrom),
    syncedBarrier: () => state.syncedBarrier(),
    writer: connectLogWriter({ port: port1, shared }),
    logger,
  });
  return () => {
    stop();
    port1.close();
  };
}

const edgeOptions = (config: Config): Omit<EdgeOptions, 'port'> => ({
  host: config.listen.host,
  ...(config.tls && { tls: config.tls }),
  corsOrigins: config.cors.origins,
  trustedProxies: config.trustedProxies,
  keys: config.keys,
  limits: config.limits,
  edges: config.edgeThreads,
  partitions: config.partitions,
});

const allBelow = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The ways to all partition threads of one asker: 0 is the main thread, edge e is e + 1. */
const partitionThreads = (workers: readonly PartitionWorker[], asker: number): PartitionThread[] =>
  workers.map(({ partitions, ports }) => ({ partitions, port: ports[asker] as MessagePort }));
