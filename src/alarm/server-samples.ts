/** Readings of the server as samples that rules look at: what has grown since the last reading, and how late is late. */
import type { ServerReading, ServerSample } from '../model/server-alarms.ts';
import { SERVER_TICK_MS } from '../model/server-alarms.ts';
import { HOUR_MS } from '../model/units.ts';

/**
 * Ends of the log that are remembered: as many as a log that always grows has in 25 hours, an hour more than events may wait
 * to be archived. What is further behind is said to be that far behind.
 */
const ENDS_MAX = (25 * HOUR_MS) / SERVER_TICK_MS;

export class ServerSampler {
  #before: ServerReading | undefined;
  /** Where the log ended when, ascending. */
  readonly #ends: { readonly atMs: number; readonly offset: number }[] = [];

  /** Of readings in the order of time. */
  samplesOf(reading: ServerReading): ServerSample[] {
    const before = this.#before;
    this.#before = reading;
    const { atMs, log } = reading;
    if (this.#ends.at(-1)?.offset !== log.durableOffset) {
      this.#ends.push({ atMs, offset: log.durableOffset });
    }
    if (this.#ends.length > ENDS_MAX) this.#ends.shift();
    return [...this.#levels(reading), ...(before === undefined ? [] : growth(before, reading))];
  }

  #levels(reading: ServerReading): ServerSample[] {
    const { log, diskFreeBytes, actors, receivers, board, unbalancedLines } = reading;
    return [
      ...reading.partitions.map(({ partition, appliedOffset, lagBytes }) =>
        sample(
          'ingest_lag_s',
          lagBytes === 0 ? 0 : this.#behindMs(appliedOffset, reading.atMs) / 1_000,
          String(partition),
        ),
      ),
      sample('log_used', log.usedBytes / log.bytesMax),
      sample('log_refusing', Number(log.isRefusing)),
      ...(diskFreeBytes === undefined ? [] : [sample('disk_free_bytes', diskFreeBytes)]),
      ...actors.map(({ path, hasFailed }) => sample('failed', Number(hasFailed), path)),
      sample('unbalanced_lines', unbalancedLines),
      ...receivers.map(({ receiver, isGone }) => sample('gone', Number(isGone), receiver)),
      ...(board === undefined ? [] : [sample('board_lag_s', board.lagMs / 1_000)]),
      ...this.#ofArchive(reading),
    ];
  }

  #ofArchive({ archive, atMs }: ServerReading): ServerSample[] {
    if (archive === undefined) return [];
    const { waitsFrom, dueAfterMs, hasProblem, isFenced, missedBytes, hiveBehindMs } = archive;
    const waitsMs = waitsFrom === undefined ? 0 : this.#behindMs(waitsFrom, atMs);
    return [
      sample('archive_lag_s', Math.max(0, waitsMs - dueAfterMs) / 1_000),
      sample('archive_problem', Number(hasProblem)),
      sample('archive_fenced', Number(isFenced)),
      sample('archive_missed_bytes', missedBytes),
      ...(hiveBehindMs === undefined ? [] : [sample('hive_lag_s', hiveBehindMs / 1_000)]),
    ];
  }

  /** For how long what lies behind this offset has been durable; exact to one tick, and at least that. */
  #behindMs(appliedOffset: number, nowMs: number): number {
    const first = this.#ends.find(({ offset }) => offset > appliedOffset);
    return first === undefined ? 0 : nowMs - first.atMs;
  }
}

function growth(before: ServerReading, now: ServerReading): ServerSample[] {
  const partitions = new Map(before.partitions.map((each) => [each.partition, each]));
  const actors = new Map(before.actors.map((each) => [each.path, each]));
  return [
    ...eventsBetween(before.events, now.events),
    ...now.partitions.flatMap(({ partition, commits, commitMsTotal }) => {
      const old = partitions.get(partition);
      if (old === undefined) return [];
      const label = String(partition);
      return [
        sample('commit_ms', grown(old.commitMsTotal, commitMsTotal), label),
        sample('commits', grown(old.commits, commits), label),
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

const sample = (field: string, value: number, ...labels: string[]): ServerSample => ({
  field,
  labels,
  value,
});
