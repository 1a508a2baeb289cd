/**
 * The composition root: reads top-down as the way of an event. Edges take it in and write the log, partition threads
 * read the log and keep the aggregates, the query listener answers.
 */
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { rulesInEffect } from '../actors/alarm-board/declarations.ts';
import { loadDeclared } from '../actors/alarm-board/rows.ts';
import { loadHead } from '../actors/partition/snapshot.ts';
import manifest from '../package.json' with { type: 'json' };
import { tellDamagedEnd } from '../storage/log/damaged-end.ts';
import { refuseLostJournal } from '../storage/log/journal-lost.ts';
import { connectLogWriter } from '../storage/log/remote.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { loadDeclaredRollups } from '../storage/state/rollup-rows.ts';
import type { StateReader } from '../storage/state/state.ts';
import { rollupsOf } from './alarm/compile.ts';
import { startArchive } from './archive-side.ts';
import { BackupSide } from './backup-side.ts';
import type { RunningServer } from './cli/start.ts';
import { builtClientScript } from './client-script.ts';
import { noBackups } from './cluster/unsupported.ts';
import type { ClusterSide } from './cluster-side.ts';
import type { Config } from './config.ts';
import { prepareDataDir } from './data-dir.ts';
import { Declarations, type RollupSet } from './declarations.ts';
import { declaredInEffect } from './declared-rollups.ts';
import type { Foundation } from './foundation.ts';
import { boundHeapGrowth } from './heap-growth.ts';
import type { EdgeOptions } from './ingest/options.ts';
import { findLog, logProblems } from './log-side.ts';
import { createLogger } from './logging.ts';
import { lostRollups } from './lost-rollups.ts';
import type { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import type { RollupsControl } from './model/rollup.ts';
import { startRetention } from './retention.ts';
import type { ServerState, StateStart } from './server-state.ts';
import { startSources } from './source-side.ts';
import { watchState } from './state-watch.ts';
import { stayWarm } from './stay-warm.ts';
import type { JournalHere, KafkaHere } from './threads/edge-protocol.ts';
import { EdgeWorker } from './threads/edge-worker.ts';
import type { PartitionThread } from './threads/partition-links.ts';
import { PartitionWorker } from './threads/partition-worker.ts';
import { createProgress, neededFrom } from './threads/progress.ts';
import { WebWorker } from './threads/web-worker.ts';

/** The part of a journal that the window of duplicates may pin; the rest is for what is not applied yet. */
const DEDUP_LOG_PART = 0.5;
/**
 * Records of a topic's partition that the window of duplicates may span. A restart reads them again, some 100,000 a second of
 * all partitions where each holds one event.
 */
const DEDUP_RECORDS_MAX = 1_000_000;

/** Rejects with an `AppError`; what was started by then is stopped. */
export async function startServer(config: Config): Promise<RunningServer> {
  const logger = createLogger({ ...config.logging, thread: 'main' });
  const closers: (() => void | Promise<void>)[] = [];
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step();
    logger.flush();
  };
  const failed = Promise.withResolvers<AppError>();
  stayWarm();
  closers.push(boundHeapGrowth());
  try {
    await prepareDataDir(config.dataDir);
    const start = await stateStart(config, logger);
    closers.push(() => start?.close());
    const log = await findLog(config, logger, async (id, topic) => start?.adopt(id, topic));
    closers.push(() => log.topic?.close());
    const progress = createProgress(config.partitions);
    const isNode = config.cluster.enabled;
    if (isNode) progress.owned.fill(0);
    const { state, checkpoints } =
      (await start?.open(log, progress, isNode ? 'node' : 'alone')) ?? (await stateOf(config));
    closers.push(() => state.close());
    closers.push(() => checkpoints?.close());
    await start?.close();
    const base: Foundation = {
      config,
      logger,
      state,
      checkpoints,
      ...log,
      progress,
      declarations: new Declarations(state.server.starts, await rollupsWanted(config, state)),
      onFailed: (fault) => failed.resolve(fault),
    };

    // While edges start, too: until it is there other nodes take events, and nobody has this one's partitions.
    const querySide = isNode ? import('./query-side.ts') : undefined;
    const edges: EdgeWorker[] = [];
    const cluster = await clusterOf(base, () => tellEdges());
    const stateWatch = watchState(base, cluster, () => tellEdges());
    let isStarting = true;
    const problems = () =>
      isStarting
        ? ['the partitions are loading their state']
        : [
            ...stateWatch.problems,
            ...partitionWorkers.flatMap((worker) => worker.problems),
            ...(cluster?.problems() ?? []),
          ];
    const tellEdges = () => {
      for (const edge of edges) edge.setReadiness(inWords(problems()));
    };
    const partitionWorkers = startPartitions(base, tellEdges);
    closers.push(() => Promise.all(partitionWorkers.map((worker) => worker.close())).then());
    let web: WebWorker | undefined;
    closers.push(() => web?.close());
    closers.push(() => closeEdges(edges));
    const ingestPort = await startEdges(base, partitionWorkers, edges, cluster);
    web = startWeb(base, edges);
    const backup = new BackupSide(base);
    if (log.source.type === 'journal')
      closers.push(shortenLog(base, edges[0] as EdgeWorker, backup));
    closers.push(() => backup.close());
    const archive = startArchive(base, cluster && state.server.starts);
    closers.push(() => archive?.close());
    const sources = await startSources(base, edges[0] as EdgeWorker);
    closers.push(() => sources?.close());

    const scheme = config.tls === undefined ? 'http' : 'https';
    const ingestUrl = `${scheme}://${hostInUrl(config.listen.host)}:${ingestPort}`;
    const ready = Promise.all(partitionWorkers.map((worker) => worker.ready));
    // Of a server that is alone loaded only now: events are accepted already.
    const { startQuerySide } = await (querySide ?? import('./query-side.ts'));
    const threads = partitionThreads(partitionWorkers, 0);
    const query = await startQuerySide(base, {
      ...{ threads, edges, ingestUrl, archive, sources, cluster },
      readiness: () => [...logProblems(base), ...problems()],
      backup: cluster ? noBackups : backup,
    });
    closers.push(() => query.close());

    await ready;
    isStarting = false;
    tellEdges();
    const { alarms, rollups, dashboards } = query;
    cluster?.begin({ workers: partitionWorkers, archive, alarms, rollups, dashboards });
    closers.push(() => cluster?.close());
    closers.push(stateWatch.start());
    logger.info({ ingestUrl, queryUrl: query.url, version: manifest.version }, 'ready');
    return { ingestUrl, queryUrl: query.url, failed: failed.promise, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Undefined: the server is alone. */
async function clusterOf(base: Foundation, changed: () => void): Promise<ClusterSide | undefined> {
  const settings = base.config.cluster;
  if (!settings.enabled) return undefined;
  const { ClusterSide } = await import('./cluster-side.ts');
  return ClusterSide.open({ base, settings, changed });
}

/** Over a topic there is more to it, and to load. */
async function stateStart(config: Config, logger: Logger): Promise<StateStart | undefined> {
  if (config.log.type === 'journal') return undefined;
  const { StateStart } = await import('./server-state.ts');
  return StateStart.begin(config, logger);
}

async function stateOf({ dataDir, partitions }: Config): Promise<ServerState> {
  const state = await openState({ dir: join(dataDir, 'state'), partitions });
  return { state, checkpoints: undefined };
}

/** Those of the configuration, those that tenants have declared, and what alarm rules are evaluated on, wherever they were declared. */
async function rollupsWanted(config: Config, state: StateReader): Promise<RollupSet> {
  const { rules } = await loadDeclared(state);
  return {
    configured: config.rollups,
    declared: declaredInEffect(config.rollups, await loadDeclaredRollups(state)),
    rules: rollupsOf(rulesInEffect(config.alarms.rules, rules)),
    sessions: config.sessions,
  };
}

/** The edges that append through edge 0 first: it closes the log. */
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
  const { config, state, source, shared, progress, onFailed } = base;
  const { partitions, dedup, journal } = config;
  const threads = Math.min(config.partitionThreads, partitions);
  const askers = 1 + config.edgeThreads;
  const bounds = {
    dedupIdsMax: Math.ceil(dedup.windowIdsMax / partitions),
    dedupBytesMax: Math.floor(dedup.memoryBytesMax / partitions),
    dedupOffsetsMax:
      source.type === 'journal' ? Math.floor(journal.bytesMax * DEDUP_LOG_PART) : DEDUP_RECORDS_MAX,
    deadLettersMax: Math.ceil(config.deadLetters.countMax / partitions),
  };
  return Array.from({ length: threads }, (_, thread) => {
    const options = {
      thread,
      partitions: allBelow(partitions).filter((partition) => partition % threads === thread),
      source,
      shared: shared.buffer,
      progress: progress.buffer,
      state: state.handle,
      commitIntervalMs: config.commit.intervalMs,
      bounds,
      logging: config.logging,
    };
    return new PartitionWorker(options, askers, onFailed, onProblems);
  });
}

/** Edge 0 opens the log before the others start. Fills `edges`; answers the port that all of them listen on. */
async function startEdges(
  base: Foundation,
  partitionWorkers: readonly PartitionWorker[],
  edges: EdgeWorker[],
  cluster: ClusterSide | undefined,
): Promise<number> {
  const { config, logger, shared, progress, onFailed } = base;
  const dataOf = (edgeId: number, port: number) => ({
    edgeId,
    options: { ...edgeOptions(config), port },
    logging: { ...config.logging, thread: `edge/${edgeId}` },
    producerEpoch: base.state.server.starts,
    shared: shared.buffer,
    progress: progress.buffer,
    topic: config.log.kafka?.topic,
    spool: base.spool?.numbers,
    partitionThreads: partitionThreads(partitionWorkers, edgeId + 1),
    remotePartitions: cluster?.port(),
  });
  const first = new EdgeWorker(
    { ...dataOf(0, config.listen.ingestPort), log: await logToOpen(base) },
    onFailed,
  );
  edges.push(first);
  base.declarations.logThrough((control) => first.define(control));
  const { port, recovery } = await first.listening;
  if (recovery?.cut !== undefined) logger.warn(recovery.cut, 'the torn end of the log was cut');
  if (recovery?.damagedEnd) tellDamagedEnd(logger, recovery.damagedEnd, 'the log');
  for (const damage of recovery?.damage ?? []) logger.error(damage, 'the log is damaged here');
  for (let edgeId = 1; edgeId < config.edgeThreads; edgeId++) {
    const { port1, port2 } = new MessageChannel();
    first.serveLog(port1);
    const { pendingBytesMax } = config.log.kafka ?? config.journal;
    const log = { type: 'remote', port: port2, pendingBytesMax } as const;
    edges.push(new EdgeWorker({ ...dataOf(edgeId, port), log }, onFailed));
  }
  await Promise.all(edges.map(({ listening }) => listening));
  return port;
}

/** Undefined: nothing is made of visits. */
function startWeb({ config, logger }: Foundation, edges: readonly EdgeWorker[]) {
  if (!config.web.enabled) return undefined;
  return new WebWorker({
    data: {
      saltFile: join(config.dataDir, 'visitor-salt'),
      geoipFile: config.web.geoipFile,
      logging: config.logging,
    },
    edges,
    onRestart: (fault) => logger.error({ err: fault }, 'the thread of visits starts again'),
  });
}

/**
 * With the definitions of rollups, to be logged before the first event if some partition has others; or if the log goes on behind
 * what is committed, where others may still wait to be applied. Rejects with `log_truncated` if a journal is gone.
 */
async function logToOpen({
  config,
  state,
  source,
  topic,
  spool,
  declarations,
  logger,
}: Foundation): Promise<JournalHere | KafkaHere> {
  const definitions = declarations.current;
  const wanted = definedText(definitions);
  const definedTo: number[] = [];
  const committed: number[] = [];
  const lost = new Set<string>();
  for (const partition of allBelow(config.partitions)) {
    const head = await loadHead(state, partition);
    const position = head?.state.position ?? 0;
    const known = head?.definitions;
    const isCurrent = known !== undefined && definedText(known) === wanted;
    // In a cluster the leader declares, and what lies here may be of long ago.
    if (known !== undefined && !isCurrent && !config.cluster.enabled) {
      for (const loss of lostRollups(known, definitions)) lost.add(loss);
    }
    definedTo.push(isCurrent ? position : -1);
    committed.push(position);
  }
  for (const loss of lost) logger.warn({}, loss);
  if (source.type === 'journal') {
    const { dir } = source;
    const durableBefore = Math.max(...committed);
    await refuseLostJournal(config.dataDir, durableBefore);
    return { type: 'journal', dir, ...config.journal, durableBefore, definitions, definedTo };
  }
  const { pendingBytesMax } = config.log.kafka ?? config.journal;
  const inSyncMin = topic?.found?.minInSyncReplicas;
  const log = { type: 'kafka', source, pendingBytesMax, inSyncMin, spool, definitions } as const;
  return config.cluster.enabled
    ? { ...log, definedTo: definedTo.map(() => Number.POSITIVE_INFINITY) }
    : { ...log, definedTo, committed };
}

const definedText = ({ rollups, sessions }: RollupsControl): string =>
  JSON.stringify([rollups, sessions]);

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
  clientScript: builtClientScript(),
  ...(config.web.enabled && { web: { stream: config.web.stream } }),
});

const allBelow = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The ways to all partition threads of one asker: 0 is the main thread, edge e is e + 1. */
const partitionThreads = (workers: readonly PartitionWorker[], asker: number): PartitionThread[] =>
  workers.map(({ partitions, ports }) => ({ partitions, port: ports[asker] as MessagePort }));
