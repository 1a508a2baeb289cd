/** Prometheus metrics, made from the plain numbers that the threads report when somebody looks. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ArchiverNumbers } from '../actors/archiver/protocol.ts';
import type { ReadNumbers } from '../actors/cold/questions.ts';
import type { AlarmNumbers } from './alarm-side.ts';
import { checkpointMetrics } from './checkpoint-metrics.ts';
import { clusterMetrics } from './cluster-metrics.ts';
import { coldMetrics, coldTimes, readMetrics } from './cold-metrics.ts';
import { APPEND_MS_BOUNDS, type EdgeCounts } from './ingest/counters.ts';
import { systemClock } from './model/clock.ts';
import type { HiveNumbers } from './model/hive-numbers.ts';
import type { SourceView } from './model/source-view.ts';
import type { SpoolView } from './model/spool-view.ts';
import { type HistogramText, histogramText, plainNumbers } from './plain-metrics.ts';
import type { CheckpointNumbers } from './query/checkpoint-port.ts';
import type { ClusterStatus } from './query/cluster-port.ts';
import type { ColdNumbers } from './query/cold/cold-gate.ts';
import { sourceMetrics } from './source-metrics.ts';
import { spoolMetrics } from './spool-metrics.ts';
import type { PartitionMetrics } from './threads/protocol.ts';

export interface JournalNumbers {
  readonly startOffset: number;
  readonly durableOffset: number;
  readonly usedBytes: number;
  /** That somebody still has to read. */
  readonly neededBytes: number;
  /** Why appends are refused now; undefined while they are taken. */
  readonly refusal: string | undefined;
}

export interface MetricsSources {
  edges(): Promise<readonly EdgeCounts[]>;
  partitions(): Promise<readonly PartitionMetrics[]>;
  journal(): JournalNumbers;
  /** That the state store has refused, since the start. */
  refusedWrites(): number;
  /** Undefined without one. */
  spool?(): SpoolView | undefined;
  subscribers(): number;
  /** Undefined while the alarm board does not answer. */
  alarms(): Promise<AlarmNumbers | undefined>;
  /** Undefined without an archive, and until it has been opened. */
  archive(): ArchiverNumbers | undefined;
  hive(): HiveNumbers | undefined;
  /** Why nothing is archived just now. */
  archiveProblem(): string | undefined;
  /** Undefined: none are taken. */
  checkpoints(): CheckpointNumbers | undefined;
  /** Questions about single events; undefined without an archive. */
  cold(): ColdNumbers | undefined;
  /** What they read; undefined until there was one. */
  read(): Promise<ReadNumbers | undefined>;
  /** Undefined: the server is alone. */
  cluster?(): ClusterStatus;
  /** Topics of other programs. */
  sources?(): Promise<readonly SourceView[]>;
}

/** Counters restart from zero with the process, as Prometheus expects. Answers the page's text. */
export function createMetrics(sources: MetricsSources): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const edges = edgeMetrics(registry);
  const partitions = partitionMetrics(registry);
  const spool = sources.spool && spoolMetrics(registry);
  const alarms = alarmMetrics(registry);
  const archive = archiveMetrics(registry);
  const hive = hiveMetrics(registry);
  const cold = coldMetrics(registry);
  const checkpoints = checkpointMetrics(registry);
  const read = readMetrics(registry);
  const topics = sources.sources && sourceMetrics(registry);
  const cluster = sources.cluster && clusterMetrics(registry);
  const state = plainNumbers<{ readonly refused: number }>(registry, {
    refused: ['counter', 'state_writes_refused_total', 'Writes that the state store has refused.'],
  });
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `streamgauge_${name}`, help, registers: [registry] });
  const start = gauge(
    'log_start_offset',
    'Oldest offset the log keeps; of a topic the sum over its partitions.',
  );
  const end = gauge(
    'log_durable_offset',
    'Offset before which every block is durable; of a topic the sum over its partitions.',
  );
  const used = gauge('log_bytes', 'What the log keeps; of a topic about that.');
  const needed = gauge('log_needed_bytes', 'What of it is not committed or not archived yet.');
  const refusing = gauge('log_refusing', '1 while the log takes no appends.');
  const subscribers = gauge('subscribers', 'Open live queries.');
  const archiveProblem = gauge('archive_problem', '1 while nothing can be archived.');

  return async () => {
    const [edgeCounts, partitionNumbers, alarmNumbers, readNumbers, views] = await Promise.all([
      sources.edges(),
      sources.partitions(),
      sources.alarms(),
      sources.read(),
      sources.sources?.(),
    ]);
    const journal = sources.journal();
    edges(edgeCounts);
    partitions(partitionNumbers);
    const spoolView = sources.spool?.();
    if (spoolView !== undefined) spool?.(spoolView);
    if (alarmNumbers !== undefined) alarms(alarmNumbers);
    const archiveNumbers = sources.archive();
    if (archiveNumbers !== undefined) archive(archiveNumbers);
    const hiveNumbers = sources.hive();
    if (hiveNumbers !== undefined) hive(hiveNumbers);
    archiveProblem.set(sources.archiveProblem() === undefined ? 0 : 1);
    const checkpointNumbers = sources.checkpoints();
    if (checkpointNumbers !== undefined) checkpoints(checkpointNumbers, systemClock.now());
    const coldNumbers = sources.cold();
    if (coldNumbers !== undefined) cold(coldNumbers);
    if (readNumbers !== undefined) read(readNumbers);
    if (views !== undefined) topics?.(views, Date.now());
    if (sources.cluster !== undefined) cluster?.(sources.cluster());
    state([{ refused: sources.refusedWrites() }], () => ({}));
    start.set(journal.startOffset);
    end.set(journal.durableOffset);
    used.set(journal.usedBytes);
    needed.set(journal.neededBytes);
    refusing.set(journal.refusal === undefined ? 0 : 1);
    subscribers.set(sources.subscribers());
    const histograms = [appendTimes(edgeCounts), ...(coldNumbers ? coldTimes(coldNumbers) : [])];
    return [await registry.metrics(), ...histograms.map(histogramText)].join('\n');
  };
}

function edgeMetrics(registry: Registry): (all: readonly EdgeCounts[]) => void {
  const labelled = (name: string, help: string, label: string) => {
    const metric = new Counter({
      name: `streamgauge_${name}`,
      help,
      labelNames: [label],
      registers: [registry],
    });
    return (all: readonly Readonly<Record<string, number>>[]) => {
      metric.reset();
      for (const counts of all) {
        for (const [value, count] of Object.entries(counts)) metric.inc({ [label]: value }, count);
      }
    };
  };
  const replies = labelled('http_replies_total', 'Replies of the ingest listener.', 'status');
  const refusals = labelled('refusals_total', 'Whole requests and frames refused.', 'code');
  const rejected = labelled('events_rejected_total', 'Events refused one by one.', 'code');
  const hitsLost = labelled(
    'pixel_hits_lost_total',
    'Requests of the pixel that were answered, and whose events are not in the log.',
    'reason',
  );
  const sums = plainNumbers<EdgeCounts>(registry, {
    eventsAccepted: ['counter', 'events_accepted_total', 'Events acknowledged as durable.'],
    eventsTimeCorrected: [
      'counter',
      'events_time_corrected_total',
      "Events whose time was corrected by what their sender's clock showed.",
    ],
    eventsTimeClamped: [
      'counter',
      'events_time_clamped_total',
      'Events that got the time of their arrival, because their own lay too far from it.',
    ],
    bodyBytes: ['counter', 'body_bytes_total', 'Bytes of bodies and frames as they came in.'],
    inflatedBytes: ['counter', 'inflated_bytes_total', 'What compressed bodies became.'],
    frames: ['counter', 'websocket_frames_total', 'WebSocket frames of events.'],
    pixelHits: ['counter', 'pixel_hits_total', 'Requests of the pixel, answered before durable.'],
    visitsUnknown: [
      'counter',
      'visits_unknown_total',
      'Requests of pages whose events got no fields of their visit.',
    ],
    blocks: ['counter', 'blocks_total', 'Blocks appended to the log.'],
    blockBytes: ['counter', 'block_bytes_total', 'Their bytes.'],
    appendsFailed: ['counter', 'appends_failed_total', 'Appends that the log refused.'],
    connections: ['gauge', 'connections', 'Open connections of the ingest listener.'],
    webSockets: ['gauge', 'websockets', 'Open WebSockets of the ingest listener.'],
    requestsInProgress: ['gauge', 'requests_in_progress', 'Requests not answered yet.'],
    bodyMemoryBytes: ['gauge', 'body_memory_bytes', 'Memory that holds unfinished bodies.'],
  });
  return (all) => {
    replies(all.map((edge) => edge.replies));
    refusals(all.map((edge) => edge.refusals));
    rejected(all.map((edge) => edge.eventsRejected));
    hitsLost(all.map((edge) => edge.pixelHitsLost));
    sums(all, () => ({}));
  };
}

function alarmMetrics(registry: Registry): (numbers: AlarmNumbers) => void {
  const labelled = (name: string, help: string, label: string) => ({
    name: `streamgauge_${name}`,
    help,
    labelNames: [label],
    registers: [registry],
  });
  const states = new Gauge(labelled('alarms', 'Groups of alarm rules by their state.', 'state'));
  const attempts = new Counter(
    labelled(
      'notifications_total',
      'Attempts to deliver, and deliveries given up (dead) or pushed out by newer ones (dropped).',
      'outcome',
    ),
  );
  const rest = plainNumbers<Omit<AlarmNumbers, 'alarms' | 'outcomes'>>(registry, {
    lagMs: ['gauge', 'alarm_lag_milliseconds', 'What the slowest alarm rule is behind.'],
    evaluations: ['counter', 'alarm_evaluations_total', 'Ticks of alarm rules.'],
    droppedAlarms: ['counter', 'alarms_dropped_total', 'Alarms too many, nobody told of them.'],
    waitingDeliveries: ['gauge', 'deliveries_waiting', 'Notifications not delivered yet.'],
  });
  return (numbers) => {
    states.reset();
    for (const [state, count] of Object.entries(numbers.alarms)) states.set({ state }, count);
    attempts.reset();
    for (const [outcome, count] of Object.entries(numbers.outcomes)) {
      attempts.inc({ outcome }, count);
    }
    rest([numbers], () => ({}));
  };
}

function archiveMetrics(registry: Registry): (numbers: ArchiverNumbers) => void {
  const set = plainNumbers<ArchiverNumbers>(registry, {
    version: ['gauge', 'archive_version', "Version of the archive's manifest."],
    files: ['gauge', 'archive_files', 'Files that the archive holds.'],
    rows: ['gauge', 'archive_rows', 'Events that the archive holds.'],
    bytes: ['gauge', 'archive_bytes', 'Their bytes.'],
    cuts: ['counter', 'archive_cuts_total', 'Parts of the log that were archived.'],
    rowsWritten: ['counter', 'archive_rows_written_total', 'Events that were archived.'],
    bytesWritten: ['counter', 'archive_bytes_written_total', 'Their bytes.'],
    workMsTotal: ['counter', 'archive_work_milliseconds_total', 'Time that archiving took.'],
    waitingBytes: ['gauge', 'archive_waiting_bytes', 'Log that waits to be archived.'],
    waitingSinceMs: [
      'gauge',
      'archive_waiting_since_milliseconds',
      'When the oldest of it was first seen; 0 if nothing waits.',
    ],
    missedBytes: ['gauge', 'archive_missed_bytes', 'Log that was deleted before it was archived.'],
    compactions: ['counter', 'archive_compactions_total', 'Hours that were compacted.'],
    filesMerged: ['counter', 'archive_files_merged_total', 'Their files before.'],
    filesMade: ['counter', 'archive_files_made_total', 'Their files after.'],
    hoursExpired: [
      'counter',
      'archive_hours_expired_total',
      'Hours that were older than they are kept.',
    ],
    filesRemoved: ['gauge', 'archive_files_removed', 'Files that wait for their deletion.'],
    filesDeleted: ['counter', 'archive_files_deleted_total', 'Files that were deleted.'],
    givesWay: [
      'gauge',
      'archive_gives_way',
      '1 while archiving rests after each cut, so that ingest keeps its rate.',
    ],
    isFenced: ['gauge', 'archive_fenced', '1 after another server has claimed the archive.'],
  });
  return (numbers) => set([numbers], () => ({}));
}

function hiveMetrics(registry: Registry): (numbers: HiveNumbers) => void {
  const set = plainNumbers<HiveNumbers>(registry, {
    versionsBehind: ['gauge', 'hive_versions_behind', 'Versions that Hive has not been told of.'],
    behindMs: ['gauge', 'hive_behind_milliseconds', 'For how long Hive has lacked something.'],
    statements: ['counter', 'hive_statements_total', 'Statements that Hive has taken.'],
    failures: ['counter', 'hive_failures_total', 'Statements and connections that failed.'],
  });
  return (numbers) => set([numbers], () => ({}));
}

function appendTimes(all: readonly EdgeCounts[]): HistogramText {
  const buckets = APPEND_MS_BOUNDS.map(() => 0).concat(0);
  for (const { appendMsBuckets } of all) {
    for (const i of buckets.keys()) buckets[i] = (buckets[i] ?? 0) + (appendMsBuckets[i] ?? 0);
  }
  const sumMs = all.reduce((total, { appendMsSum }) => total + appendMsSum, 0);
  return {
    name: 'append_milliseconds',
    help: 'From handing blocks to the log until they are durable.',
    series: [{ labels: {}, boundsMs: APPEND_MS_BOUNDS, buckets, sumMs }],
  };
}

function partitionMetrics(registry: Registry): (all: readonly PartitionMetrics[]) => void {
  const set = plainNumbers<PartitionMetrics>(
    registry,
    {
      appliedOffset: ['gauge', 'applied_offset', 'Every block before it is applied.'],
      committedOffset: ['gauge', 'committed_offset', 'Where a restart would read on.'],
      lagBytes: ['gauge', 'lag_bytes', 'Log bytes between what is applied and its newest block.'],
      eventsApplied: ['counter', 'events_applied_total', 'Events that aggregates hold.'],
      eventsDuplicate: ['counter', 'events_duplicate_total', 'Events dropped as duplicates.'],
      eventsLate: ['counter', 'events_late_total', 'Events that amended a closed bucket.'],
      eventsClamped: ['counter', 'events_clamped_total', 'Events aggregated at arrival time.'],
      eventsExpired: ['counter', 'events_expired_total', 'Events older than every kept tier.'],
      eventsPoison: ['counter', 'events_poison_total', 'Events that could not be applied.'],
      commits: ['counter', 'commits_total', 'Commits to the state store.'],
      commitMsTotal: ['counter', 'commit_milliseconds_total', 'Time spent in commits.'],
      commitBytesTotal: ['counter', 'commit_bytes_total', 'Bytes committed.'],
      commitBytesMax: [
        'gauge',
        'commit_bytes_max',
        'Bytes of the greatest commit since the start.',
      ],
      restarts: ['counter', 'partition_restarts_total', 'Restarts of the partition actor.'],
      dedupIds: ['gauge', 'dedup_window_ids', 'Event ids that the window of duplicates holds.'],
      dedupBytes: ['gauge', 'dedup_window_bytes', 'Memory of that window.'],
      dedupSinceMs: ['gauge', 'dedup_window_since_milliseconds', 'Arrival of its oldest id.'],
      series: ['gauge', 'series', 'Series of all rollups.'],
      overflowEvents: [
        'counter',
        'series_overflow_events_total',
        'Events counted as one series, because their rollup has too many.',
      ],
      sessionsOpen: ['gauge', 'sessions_open', 'Sessions that have not ended yet.'],
      sessions: ['counter', 'sessions_total', 'Sessions that have ended.'],
      sessionsEarly: [
        'counter',
        'sessions_closed_early_total',
        'Of these, sessions that were closed early, because too many were open.',
      ],
      sessionsLate: [
        'counter',
        'sessions_late_events_total',
        'Events in no session, because they came too late.',
      ],
      sessionsUnassigned: [
        'counter',
        'sessions_unassigned_events_total',
        'Events in no session, because they name no user, or a too long one.',
      ],
    },
    'partition',
  );
  return (all) => set(all, ({ partition }) => ({ partition: String(partition) }));
}
