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
  durableEnd,
  type JournalShared,
  journalStart,
  sharedRefusal,
} from '../storage/log/journal-shared.ts';
import { createAlarmSide } from './alarm-side.ts';
import type { ArchiveSide } from './archive-side.ts';
import { createColdSide } from './cold-side.ts';
import { ErasureSide } from './erasure-side.ts';
import type { Foundation } from './foundation.ts';
import { watchCertificate } from './ingest/certificates.ts';
import { createMetrics } from './metrics.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import { AppliedSignal } from './query/applied-signal.ts';
import type { BackupPort } from './query/backup-port.ts';
import { ColdGate } from './query/cold/cold-gate.ts';
import { ColdQueries } from './query/cold/cold-queries.ts';
import { Followers } from './query/followers.ts';
import { systemScheduler } from './query/live-query.ts';
import { PartialsFeed } from './query/partials-feed.ts';
import type { PartialsClient, PartitionClient } from './query/ports.ts';
import { Queries } from './query/queries.ts';
import { openRuleRows } from './query/rule-rows.ts';
import { segmentQueries } from './query/segment-queries.ts';
import { SeriesTables } from './query/series-tables.ts';
import { ServerPartials } from './query/server-partials.ts';
import { storedRollups } from './query/stored-rollups.ts';
import { unbalancedLines } from './query/system.ts';
import { createReplaySide } from './replay-side.ts';
import { watchServer } from './server-alarms.ts';
import { createSystem } from './system.ts';
import type { EdgeWorker } from './threads/edge-worker.ts';
import { FollowWorker } from './threads/follow-worker.ts';
import { PartitionLinks, type PartitionThread } from './threads/partition-links.ts';
import { type Progress, progressMovedFrom, progressTicks } from './threads/progress.ts';

/** How long operators' questions wait for a partition thread. */
const SYSTEM_TIMEOUT_MS = 2_000;

export interface QuerySide extends Pick<QueryListener, 'url'> {
  /** Takes no more questions, and stops the alarm board in good order. */
  close(): Promise<void>;
}

/** Rejects if the address is taken or the TLS files cannot be used. */
export async function startQuerySide(
  base: Foundation,
  threads: readonly PartitionThread[],
  edges: readonly EdgeWorker[],
  ingestUrl: string,
  readiness: () => readonly string[],
  archive: ArchiveSide | undefined,
  backup: BackupPort,
): Promise<QuerySide> {
  const { config, logger, state, journalDir, shared, progress } = base;
  const links = new PartitionLinks(threads);
  const partitions = partitionClient(links, shared, progress);
  const catalog = { rollups: () => config.rollups };
  const stored = storedRollups(state);
  const cold = createColdSide(base, archive);
  const follow = new FollowWorker({
    journalDir,
    journal: shared.buffer,
    progress: progress.buffer,
    state: state.handle,
    logging: config.logging,
  });
  const replays = createReplaySide(base, links, archive);
  const erasures = await ErasureSide.open(base, { archive, cold, edge: edges[0] as EdgeWorker });
  const coldGate = new ColdGate({
    concurrency: config.cold.concurrency,
    isShared: new Set(config.keys.map(({ tenant }) => tenant)).size > 1,
  });
  const coldQueries = cold && new ColdQueries(cold, partitions, coldGate);
  const segments =
    archive &&
    cold &&
    coldQueries &&
    segmentQueries({ state, archive, cold, coldQueries, partitions, clock: systemClock });
  const queries = new Queries({ partitions, stored, catalog, segments });
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
  );
  const askEdges = () => Promise.all(edges.map((edge) => edge.counts(SYSTEM_TIMEOUT_MS)));
  const partitionMetrics = async () =>
    (await links.askResponsive('metrics', SYSTEM_TIMEOUT_MS)).flat();
  const system = createSystem({
    state,
    journalDir,
    shared,
    actors: async () => [
      ...(await links.askAll('actors', SYSTEM_TIMEOUT_MS)).flat(),
      ...alarms.actors(),
      ...((await archive?.actors()) ?? []),
    ],
    partitions: async () => (await links.askAll('metrics', SYSTEM_TIMEOUT_MS)).flat(),
  });
  const { tls } = config;
  const listener = await openQueryListener({
    host: config.listen.host,
    port: config.listen.queryPort,
    ...(tls && { tls }),
    corsOrigins: config.cors.origins,
    authorize: authorizerFor(config.keys),
    needsKey: config.keys.length > 0,
    services: {
      queries,
      partitions,
      catalog,
      system,
      alarms: alarms.port,
      archive,
      backup,
      erasures,
      cold: coldQueries,
      replays,
      followers: new Followers(follow),
      clock: systemClock,
      version: manifest.version,
    },
    logger: logger.child({ component: 'query' }),
    metrics: createMetrics({
      edges: async () => (await askEdges()).filter((edge) => edge !== undefined),
      partitions: partitionMetrics,
      journal: () => ({
        startOffset: journalStart(shared),
        durableOffset: durableEnd(shared) ?? 0,
        refusal: sharedRefusal(shared),
      }),
      subscribers: () => queries.live.subscribers,
      alarms: () => alarms.numbers(),
      archive: () => archive?.numbers(),
      hive: () => archive?.hive(),
      archiveProblem: () => archive?.problem(),
      cold: () => cold && coldGate.numbers(),
      read: async () => cold?.read(),
    }),
    readiness,
    ingestUrl,
  });
  const unwatch = tls && (await watchCertificate(listener, tls, logger));
  alarms.start(listener.url);
  const stopServerAlarms = watchServer(
    base,
    {
      partitions: partitionMetrics,
      edges: async () => {
        const counts = (await askEdges()).filter((edge) => edge !== undefined);
        return counts.length === edges.length ? counts : undefined;
      },
      actors: async () => [
        ...(await links.askResponsive('actors', SYSTEM_TIMEOUT_MS)).flat(),
        ...alarms.actors(),
        ...((await archive?.actors().catch(noneIfFault)) ?? []),
      ],
      archive: () => archive?.reading(),
      unbalancedLines: (tenant, nowMs) => unbalancedLines(tenant, nowMs, partitions),
      board: () => alarms.numbers(),
      receivers: (tenant) => alarms.port.receivers(tenant),
    },
    (atMs, samples) => partials?.publish(atMs, samples),
  );
  return {
    ...listener,
    async close() {
      unwatch?.();
      stopServerAlarms();
      listener.close();
      await erasures.close();
      await replays?.close();
      await cold?.close();
      await follow.close();
      await alarms.close();
    },
  };
}

/** Who does not answer is left out. */
function noneIfFault(error: unknown): readonly ActorSnapshot[] {
  if (error instanceof AppError) return [];
  throw error;
}

function partitionClient(
  links: PartitionLinks,
  shared: JournalShared,
  progress: Progress,
): PartitionClient & PartialsClient {
  const moved = () => progressMovedFrom(progress, progressTicks(progress));
  const applied = new AppliedSignal(moved, systemScheduler);
  // What was logged before this start is in no partition's end: it lies before the end at the opening.
  const openedEnd = durableEnd(shared) ?? 0;
  return {
    partitions: shared.partitions,
    collect: (partition, request, timeoutMs) =>
      links.ask('collect', { partition, request }, timeoutMs),
    partials: (partition, request, timeoutMs) =>
      links.ask('partials', { partition, request }, timeoutMs),
    ledger: (partition, request, timeoutMs) =>
      links.ask('ledger', { partition, request }, timeoutMs),
    appliedOffset: (partition) => shared.applied[partition] ?? 0,
    endOffset: (partition) => Math.max(openedEnd, shared.partitionEnds[partition] ?? 0),
    onApplied: (listener) => applied.listen(listener),
  };
}
