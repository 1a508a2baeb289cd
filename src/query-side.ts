/**
 * The query side put together: what is asked of partitions and of the state store, behind one listener. Apart from main.ts
 * because its libraries take longest to load, and events are accepted before anybody asks.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { authorizerFor } from '../graphql/authorize.ts';
import { openQueryListener, type QueryListener } from '../graphql/server.ts';
import manifest from '../package.json' with { type: 'json' };
import {
  type LogShared,
  logEnd,
  logNumbers,
  newestEnd,
  sharedRefusal,
} from '../storage/log/log-shared.ts';
import { attachSpoolShared, readSpool } from '../storage/spool/spool-shared.ts';
import { type AlarmSide, createAlarmSide } from './alarm-side.ts';
import type { ArchiveSide } from './archive-side.ts';
import { allKnown } from './cluster/all-known.ts';
import { clusterArchive, NodeArchiving } from './cluster/archiving.ts';
import { clusterSystem } from './cluster/cluster-system.ts';
import { peersOf, selfResponder } from './cluster/node-questions.ts';
import { ownRowWrites } from './cluster/own-row-writes.ts';
import type { RemotePartitions } from './cluster/remote-partitions.ts';
import { RoutedState } from './cluster/routed-state.ts';
import { noErasures, noReplays } from './cluster/unsupported.ts';
import { whereabouts } from './cluster/whereabouts.ts';
import type { ClusterSide } from './cluster-side.ts';
import { createColdSide } from './cold-side.ts';
import { ErasureSide } from './erasure-side.ts';
import type { Foundation } from './foundation.ts';
import { createHealth } from './health-side.ts';
import { watchCertificate } from './ingest/certificates.ts';
import { elsewhere, neededBytes } from './log-needs.ts';
import { createMetrics } from './metrics.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { EventsToSend } from './model/event-to-send.ts';
import type { AlarmBoardPort } from './query/alarms-port.ts';
import { AppliedSignal } from './query/applied-signal.ts';
import type { BackupPort } from './query/backup-port.ts';
import { ColdGate } from './query/cold/cold-gate.ts';
import { ColdQueries } from './query/cold/cold-queries.ts';
import { fieldsPort } from './query/field-statistics.ts';
import { Followers } from './query/followers.ts';
import { Letters } from './query/letters.ts';
import { systemScheduler } from './query/live-query.ts';
import { PartialsFeed } from './query/partials-feed.ts';
import type { PartialsClient, PartitionClient } from './query/ports.ts';
import { Queries } from './query/queries.ts';
import { RollupsInForce } from './query/rollups-in-force.ts';
import { openRuleRows } from './query/rule-rows.ts';
import { segmentQueries } from './query/segment-queries.ts';
import { SeriesTables } from './query/series-tables.ts';
import { ServerPartials } from './query/server-partials.ts';
import { storedRollups } from './query/stored-rollups.ts';
import { unbalancedLines } from './query/system.ts';
import { TestEvents } from './query/test-events.ts';
import { createReplaySide } from './replay-side.ts';
import { RollupSide } from './rollup-side.ts';
import { SavedDashboards } from './saved-dashboards.ts';
import { watchServer } from './server-alarms.ts';
import type { SourceSide } from './source-side.ts';
import { createSystem } from './system.ts';
import type { EdgeWorker } from './threads/edge-worker.ts';
import { FollowWorker } from './threads/follow-worker.ts';
import { PartitionHold } from './threads/partition-hold.ts';
import { PartitionLinks, type PartitionThread } from './threads/partition-links.ts';
import {
  isOwned,
  movesOf,
  type Progress,
  progressMovedFrom,
  progressTicks,
  takings,
} from './threads/progress.ts';
import { webDashboard } from './web/dashboard.ts';

/** How long operators' questions wait for a partition thread. */
const SYSTEM_TIMEOUT_MS = 2_000;

export interface QuerySide extends Pick<QueryListener, 'url'> {
  /** In a cluster it is started with the lead. */
  readonly alarms: AlarmSide;
  /** As `alarms`. */
  readonly rollups: RollupSide;
  /** As `alarms`. */
  readonly dashboards: SavedDashboards;
  /** Takes no more questions, and stops the alarm board in good order. */
  close(): Promise<void>;
}

/** What is asked, all of it started. */
export interface QueryParts {
  readonly threads: readonly PartitionThread[];
  readonly edges: readonly EdgeWorker[];
  readonly ingestUrl: string;
  /** What keeps the server from being ready. */
  readonly readiness: () => readonly string[];
  readonly archive: ArchiveSide | undefined;
  readonly backup: BackupPort;
  readonly sources: SourceSide | undefined;
  /** Undefined: the server is alone, and has all partitions. */
  readonly cluster: ClusterSide | undefined;
}

/** Rejects if the address is taken or the TLS files cannot be used. */
export async function startQuerySide(
  base: Foundation,
  { threads, edges, ingestUrl, readiness, archive, backup, sources, cluster }: QueryParts,
): Promise<QuerySide> {
  const { config, logger, state, source, shared, progress } = base;
  const links = new PartitionLinks(threads, cluster && { progress, remote: cluster.remote });
  const partitions = partitionClient(links, shared, progress, cluster?.remote);
  const routed = cluster && new RoutedState(state, progress, cluster.remote);
  const everywhere = routed ?? state;
  const { declarations } = base;
  const catalog = new RollupsInForce({
    state: everywhere,
    declared: () => declarations.asked,
    isNode: cluster !== undefined,
  });
  const rollups = new RollupSide({
    configured: config.rollups,
    store: state,
    everywhere,
    partitions,
    declarations,
    log: logger.child({ component: 'rollups' }),
  });
  const dashboards = new SavedDashboards({
    store: state,
    builtIn: config.web.enabled ? [webDashboard(config.web)] : [],
    clock: systemClock,
  });
  // A link is judged from the first question on.
  if (cluster === undefined) await dashboards.start();
  const places = routed && whereabouts(routed, progress, cluster.remote);
  const { rowWrites } = state;
  const stored = storedRollups(everywhere, cluster ? ownRowWrites(rowWrites, progress) : rowWrites);
  const cold = createColdSide(
    base,
    archive,
    places &&
      cluster && {
        ...places,
        known: () => allKnown({ shared, progress, remote: cluster.remote }),
      },
  );
  const followed = {
    source,
    shared: shared.buffer,
    progress: progress.buffer,
    state: state.handle,
    logging: config.logging,
  };
  const follow = new FollowWorker(followed, places);
  const hold = new PartitionHold(links, config.partitions);
  const replays = cluster ? undefined : createReplaySide(base, hold, archive);
  const erasures = cluster
    ? undefined
    : await ErasureSide.open(base, { archive, cold, edge: edges[0] as EdgeWorker, hold });
  const coldGate = new ColdGate({
    concurrency: config.cold.concurrency,
    isShared: new Set(config.keys.map(({ tenant }) => tenant)).size > 1,
  });
  const coldQueries = cold && new ColdQueries(cold, partitions, coldGate);
  const segments =
    archive &&
    cold &&
    coldQueries &&
    segmentQueries({
      state: everywhere,
      archive,
      cold,
      coldQueries,
      partitions,
      clock: systemClock,
    });
  const { keptBytesMax } = config.timeseries;
  const queries = new Queries({ partitions, stored, catalog, segments, keptBytesMax });
  let partials: ServerPartials | undefined;
  const tables = new SeriesTables(stored);
  const alarms = createAlarmSide(
    base,
    () => {
      const clock = systemClock;
      const feed = new PartialsFeed({ partitions, stored, clock, sleep });
      partials = new ServerPartials(feed, clock.now());
      return partials;
    },
    (rollups) => openRuleRows(rollups, { partitions, stored, tables, catalog, clock: systemClock }),
    cluster && (() => cluster.mayTell()),
  );
  const askSources = sources && (() => sources.status(SYSTEM_TIMEOUT_MS));
  /** Of whatever takes events in. */
  const askEdges = async () => [
    ...(await Promise.all(edges.map((edge) => edge.counts(SYSTEM_TIMEOUT_MS)))),
    ...((await askSources?.()) ?? []).map(({ counts }) => counts),
  ];
  const partitionMetrics = async () =>
    (await links.askResponsive('metrics', SYSTEM_TIMEOUT_MS)).flat();
  const spoolNumbers = base.spool && attachSpoolShared(base.spool.numbers);
  const spool = spoolNumbers && (() => readSpool(spoolNumbers));
  const ownSystem = createSystem({
    spool: base.spool && spool && { dir: base.spool.dir, view: spool },
    state,
    source,
    shared,
    here: cluster && (() => takings(progress)),
    actors: async () => [
      ...(await links.askAll('actors', SYSTEM_TIMEOUT_MS)).flat(),
      ...alarms.actors(),
      ...((await archive?.actors()) ?? []),
    ],
    partitions: async () => (await links.askAll('metrics', SYSTEM_TIMEOUT_MS)).flat(),
  });
  const peers = cluster && peersOf(cluster.self, cluster.remote);
  const system = peers ? clusterSystem(ownSystem, peers, shared.partitions) : ownSystem;
  const send = (events: EventsToSend) => (edges[0] as EdgeWorker).send(events);
  const letters = new Letters({
    state: everywhere,
    partitions: shared.partitions,
    send,
    committed: (partition) => progress.committed[partition] ?? 0,
  });
  const { tls } = config;
  const listener = await openQueryListener({
    host: config.listen.host,
    port: config.listen.queryPort,
    ...(tls && { tls }),
    corsOrigins: config.cors.origins,
    authorize: authorizerFor(config.keys, (hash) => dashboards.mayOpen(hash)),
    needsKey: config.keys.length > 0,
    services: {
      queries,
      partitions,
      catalog,
      rollups,
      dashboards,
      fields: fieldsPort(everywhere, shared.partitions),
      system,
      health: createHealth(base, {
        system,
        edges: askEdges,
        problems: readiness,
        archiveProblem: () => archive?.problem(),
        spool,
      }),
      letters,
      testEvents: new TestEvents({ send, clock: systemClock }),
      spool,
      alarms: alarms.port,
      archive: archive && peers ? clusterArchive(archive, peers) : archive,
      backup,
      checkpoints: base.checkpoints,
      cluster,
      erasures: erasures ?? noErasures,
      cold: coldQueries,
      replays: cluster ? noReplays : replays,
      followers: new Followers(follow),
      sources: askSources,
      clock: systemClock,
      version: manifest.version,
    },
    logger: logger.child({ component: 'query' }),
    metrics: createMetrics({
      edges: async () => (await askEdges()).filter((edge) => edge !== undefined),
      partitions: partitionMetrics,
      journal: () => ({
        ...logNumbers(shared),
        neededBytes: neededBytes(shared, progress),
        refusal: sharedRefusal(shared),
      }),
      refusedWrites: () => state.refusedWrites.count,
      ...(spool && { spool }),
      subscribers: () => queries.live.subscribers,
      alarms: () => alarms.numbers(),
      archive: () => archive?.numbers(),
      hive: () => archive?.hive(),
      archiveProblem: () => archive?.problem(),
      checkpoints: () => base.checkpoints?.numbers(),
      cold: () => cold && coldGate.numbers(),
      read: async () => cold?.read(),
      ...(askSources && { sources: askSources }),
      ...(cluster && { cluster: () => cluster.status() }),
    }),
    readiness,
    ingestUrl,
    ...(cluster && {
      leader: cluster.leader,
      mounted: cluster.serve(
        links,
        selfResponder(ownSystem, archive && new NodeArchiving(archive)),
      ),
    }),
  });
  const unwatch = tls && (await watchCertificate(listener, tls, logger));
  if (cluster === undefined) {
    await rollups.start();
    await catalog.look();
    alarms.start(listener.url);
  }
  const stopServerAlarms = watchServer(
    base,
    {
      partitions: async () => [...(await partitionMetrics()), ...elsewhere(shared, progress)],
      edges: async () => {
        const all = await askEdges();
        const answered = all.filter((edge) => edge !== undefined);
        return answered.length === all.length ? answered : undefined;
      },
      actors: async () => [
        ...(await links.askResponsive('actors', SYSTEM_TIMEOUT_MS)).flat(),
        ...alarms.actors(),
        ...((await archive?.actors().catch(noneIfFault)) ?? []),
      ],
      archive: () => archive?.reading(),
      checkpoints: () => base.checkpoints?.reading(systemClock.now()),
      sources: async () => (await askSources?.()) ?? [],
      unbalancedLines: (tenant, nowMs) => unbalancedLines(tenant, nowMs, partitions),
      board: () => alarms.numbers(),
      receivers: (tenant) => alarms.port.receivers(tenant),
      alarmed: (rule) => alarmed(alarms.port, config.alarms.server.tenant, rule),
    },
    (atMs, samples) => partials?.publish(atMs, samples),
  );
  return {
    ...listener,
    alarms,
    rollups,
    dashboards,
    async close() {
      unwatch?.();
      stopServerAlarms();
      catalog.stop();
      rollups.stop();
      dashboards.stop();
      listener.close();
      await erasures?.close();
      await replays?.close();
      await cold?.close();
      await follow.close();
      await alarms.stop();
    },
  };
}

/** The first label of each, as rules of the server that are about many have one. */
async function alarmed(
  board: AlarmBoardPort,
  tenant: string,
  rule: string,
): Promise<readonly string[] | undefined> {
  try {
    const page = await board.alarms({ tenant, rule, first: Number.POSITIVE_INFINITY });
    return page.alarms.flatMap(({ group }) => group[0] ?? []);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

/** Who does not answer is left out. */
function noneIfFault(error: unknown): readonly ActorSnapshot[] {
  if (error instanceof AppError) return [];
  throw error;
}

/** Of a partition here other nodes append too: what its reader has heard of the log's end is so old, at most, while brokers answer. */
const END_AGE_MS = 1_000;

function partitionClient(
  links: PartitionLinks,
  shared: LogShared,
  progress: Progress,
  remote: RemotePartitions | undefined,
): PartitionClient & PartialsClient {
  const moved = () => progressMovedFrom(progress, progressTicks(progress));
  const applied = new AppliedSignal(moved, systemScheduler);
  // What was logged before this start is in no partition's end: it lies before the end at the opening.
  const openedEnds = Array.from(shared.partitionEnds, (_, p) => logEnd(shared, p) ?? 0);
  return {
    partitions: shared.partitions,
    collect: (partition, request, timeoutMs) =>
      links.ask('collect', { partition, request }, timeoutMs),
    partials: (partition, request, timeoutMs) =>
      links.ask('partials', { partition, request }, timeoutMs),
    ledger: (partition, request, timeoutMs) =>
      links.ask('ledger', { partition, request }, timeoutMs),
    overflows: (partition, request, timeoutMs) =>
      links.ask('overflows', { partition, request }, timeoutMs),
    appliedOffset: (partition) => shared.applied[partition] ?? 0,
    endOffset: (p) => Math.max(openedEnds[p] ?? 0, newestEnd(shared, p)),
    onApplied: (listener) => applied.listen(listener),
    ...(remote && {
      nodes: {
        // A partition goes on here for a while after another node has it: what it answers then is not of that one's rows.
        ownerEpoch: (p) => remote.ownerEpoch(p) + movesOf(progress, p),
        nodeOf: (p) => remote.nodeOf(p),
        endAgeMs: (p) => END_AGE_MS + (isOwned(progress, p) ? 0 : remote.knownMsAgo(p)),
      },
    }),
  };
}
