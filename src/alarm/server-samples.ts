/** Readings of the server as samples that rules look at: what has grown since the last reading, and how late is late. */
import type { LogPlace, ServerReading, ServerSample } from '../model/server-alarms.ts';
import { SERVER_TICK_MS } from '../model/server-alarms.ts';
import { HOUR_MS } from '../model/units.ts';

/**
 * Ends of the log that are remembered: as many as a log that always grows has in 25 hours, an hour more than events may wait
 * to be archived. What is further behind is said to be that far behind.
 */
const ENDS_MAX = (25 * HOUR_MS) / SERVER_TICK_MS;
/** Of all sequences together, 4 MiB: a topic with more than 58 partitions is remembered for a shorter time. */
const END_NUMBERS_MAX = 524_288;

export class ServerSampler {
  #before: ServerReading | undefined;
  /** Where the log ended when, ascending. */
  readonly #ends: { readonly atMs: number; readonly ends: readonly number[] }[] = [];

  /** Of readings in the order of time. */
  samplesOf(reading: ServerReading): ServerSample[] {
    const before = this.#before;
    this.#before = reading;
    const { atMs, log } = reading;
    const last = this.#ends.at(-1)?.ends;
    if (log.ends.some((end, i) => end !== last?.[i])) this.#ends.push({ atMs, ends: log.ends });
    const keptMax = Math.min(ENDS_MAX, Math.floor(END_NUMBERS_MAX / log.ends.length));
    if (this.#ends.length > keptMax) this.#ends.shift();
    return [...this.#levels(reading), ...(before === undefined ? [] : growth(before, reading))];
  }

  #levels(reading: ServerReading): ServerSample[] {
    const { log, diskFreeBytes, actors, receivers, board, unbalancedLines } = reading;
    return [
      ...reading.partitions.map(({ partition, appliedOffset, lagBytes }) =>
        sample(
          'ingest_lag_s',
          lagBytes === 0
            ? 0
            : this.#behindMs({ partition, offset: appliedOffset }, reading.atMs) / 1_000,
          String(partition),
        ),
      ),
      sample('log_used', Math.max(log.usedShare, this.#keptShare(reading))),
      sample('log_refusing', Number(log.isRefusing)),
      sample('log_damaged_ends', log.damagedEnds ?? 0),
      ...ofSpool(reading),
      ...(diskFreeBytes === undefined ? [] : [sample('disk_free_bytes', diskFreeBytes)]),
      ...actors.map(({ path, hasFailed }) => sample('failed', Number(hasFailed), path)),
      sample('unbalanced_lines', unbalancedLines),
      ...receivers.map(({ receiver, isGone }) => sample('gone', Number(isGone), receiver)),
      ...(board === undefined ? [] : [sample('board_lag_s', board.lagMs / 1_000)]),
      ...this.#ofArchive(reading),
      ...ofCheckpoints(reading),
      ...ofSources(reading),
    ];
  }

  #ofArchive({ archive, atMs }: ServerReading): ServerSample[] {
    if (archive === undefined) return [];
    const { waitsFrom, dueAfterMs, hasProblem, isFenced, missedBytes, hiveBehindMs } = archive;
    const waitsMs = Math.max(0, ...waitsFrom.map((place) => this.#behindMs(place, atMs)));
    return [
      sample('archive_lag_s', Math.max(0, waitsMs - dueAfterMs) / 1_000),
      sample('archive_problem', Number(hasProblem)),
      sample('archive_fenced', Number(isFenced)),
      sample('archive_missed_bytes', missedBytes),
      ...(hiveBehindMs === undefined ? [] : [sample('hive_lag_s', hiveBehindMs / 1_000)]),
    ];
  }

  /** For how long what lies behind this offset has been durable; exact to one tick, and at least that. */
  #behindMs({ partition, offset }: LogPlace, nowMs: number): number {
    const first = this.#ends.find(
      ({ ends }) => (ends.length === 1 ? ends[0]! : (ends[partition] ?? 0)) > offset,
    );
    return first === undefined ? 0 : nowMs - first.atMs;
  }

  /** Of the time for which a topic keeps a block, what has gone by of the oldest one that somebody still has to read. */
  #keptShare({ log, atMs }: ServerReading): number {
    const { keptMs, neededFrom = [] } = log;
    if (keptMs === undefined) return 0;
    return Math.max(0, ...neededFrom.map((place) => this.#behindMs(place, atMs))) / keptMs;
  }
}

const ofSources = ({ sources = [] }: ServerReading): ServerSample[] =>
  sources.flatMap(({ source, lagMs, hasProblem }) => [
    sample('source_lag_s', lagMs / 1_000, source),
    sample('source_problem', Number(hasProblem), source),
  ]);

const ofSpool = ({ spool }: ServerReading): ServerSample[] =>
  spool === undefined
    ? []
    : [
        sample('spooling', Number(spool.isSpooling)),
        sample('spool_used', spool.usedShare),
        sample('spool_lost_bytes', spool.lostBytes),
      ];

function ofCheckpoints({ checkpoints }: ServerReading): ServerSample[] {
  if (checkpoints === undefined) return [];
  return [
    sample('checkpoint_overdue_s', checkpoints.overdueMs / 1_000),
    sample('checkpoint_fenced', Number(checkpoints.isFenced)),
  ];
}

function growth(before: ServerReading, now: ServerReading): ServerSample[] {
  const partitions = new Map(before.partitions.map((each) => [each.partition, each]));
  const actors = new Map(before.actors.map((each) => [each.path, each]));
  return [
    ...eventsBetween(before.events, now.events),
    ...now.partitions.flatMap(({ partition, commits, commitMsTotal }) => {
      const old = partitions.get(partition);
      return [
        ...sampleGrown('commit_ms', old?.commitMsTotal, commitMsTotal, String(partition)),
        ...sampleGrown('commits', old?.commits, commits, String(partition)),
      ];
    }),
    ...now.actors.map(({ path, restarts }) =>
      sample('restarts', grown(actors.get(path)?.restarts ?? restarts, restarts), path),
    ),
    ...(before.board === undefined || now.board === undefined
      ? []
      : [sample('dead', grown(before.board.deadDeliveries, now.board.deadDeliveries))]),
  ];
}

function eventsBetween(
  before: ServerReading['events'],
  now: ServerReading['events'],
): ServerSample[] {
  if (before === undefined || now === undefined) return [];
  const rejected = grown(before.rejected, now.rejected);
  return [
    sample('rejected', rejected),
    sample('received', rejected + grown(before.accepted, now.accepted)),
  ];
}

/** A counter that has begun anew counts from zero. */
const grown = (before: number, now: number): number => (now < before ? now : now - before);

/** Nothing of what one of the readings does not have. */
const sampleGrown = (
  field: string,
  before: number | undefined,
  now: number | undefined,
  label: string,
): ServerSample[] =>
  before === undefined || now === undefined ? [] : [sample(field, grown(before, now), label)];

const sample = (field: string, value: number, ...labels: string[]): ServerSample => ({
  field,
  labels,
  value,
});
