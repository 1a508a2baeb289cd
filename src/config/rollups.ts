/** Rollups as they are declared: in the configuration, and by mutation while the server runs, with the same bounds and defaults. */
import type { z } from 'zod';
import { err, type Result } from '../model/result.ts';
import {
  DEFAULT_LATENESS_MS,
  DEFAULT_RESOLUTIONS,
  DEFAULT_SERIES_MAX,
  MEASURE_OPS,
  type Measure,
  measureText,
  TOP_CAPACITY,
} from '../model/rollup.ts';
import { isSessionStream, sessionStream } from '../model/session.ts';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import { DAY_MS, durationMs } from '../model/units.ts';
import { type ConfigProblem, problemAt } from './problems.ts';
import { reader } from './reader.ts';
import { duration, formatDuration, integer, name, scalar } from './scalars.ts';
import type { Path } from './settings.ts';
import { FIELD_NAME_LENGTH_MAX, field, filter, group, list, repeated } from './shapes.ts';
import { valueAt } from './sources.ts';

const SESSION_STREAM = new RegExp(`^${sessionStream('[\\w-]{1,64}')}$`);
const FIELD_OPS = MEASURE_OPS.filter((op) => op !== 'count' && op !== 'top');
/** Written `count`, `sum(amount)` or `top(path, bytes)`, or as a group: `{op: sum, field: amount}`. */
const measure = scalar(
  `"count", or ${FIELD_OPS.join(', ')} of a field (a histogram is answered from its quantile), such as "sum(amount)" or {op: sum, field: amount}, ` +
    `or "top(path)", "top(path, bytes)" or {op: top, field: path, by: bytes, capacity: ${TOP_CAPACITY.default}} ` +
    `with a capacity of ${TOP_CAPACITY.min} to ${TOP_CAPACITY.max} values`,
  readMeasure,
);

/** Of events, or of sessions of them. */
const countedStream = scalar(
  `a stream: ${STREAM_NAME_RULE}; or "${sessionStream('NAME')}" for the sessions that are declared under a name`,
  (raw) => {
    if (typeof raw !== 'string') return undefined;
    return isStreamName(raw) || SESSION_STREAM.test(raw) ? raw : undefined;
  },
);

const resolution = group({
  /** The width of one bucket. */
  step: duration(1_000, DAY_MS),
  /** How long its buckets are kept. */
  retention: duration(1_000, 100 * 365 * DAY_MS),
}).transform(({ step, retention }) => ({ stepMs: step, retentionMs: retention }));

export const rollup = group({
  name: name('a name'),
  stream: countedStream.default('events'),
  filter: list(filter, 16).default([]),
  /** The labels of a series. Each further one multiplies the number of series. */
  dimensions: list(field, 8).default([]),
  measures: list(measure, 32).min(1, { error: 'expected at least one measure' }),
  resolutions: list(resolution, 6)
    .min(1, { error: 'expected at least one resolution' })
    .default([...DEFAULT_RESOLUTIONS].map(asDurations)),
  /** How long a bucket waits for stragglers. Larger means fewer restated and later complete answers. */
  lateness: duration(0, DAY_MS).default(durationMs(DEFAULT_LATENESS_MS)),
  /** Series per tenant and partition; what is past it is counted in one overflow series. */
  seriesMax: integer(1, 1_000_000).default(DEFAULT_SERIES_MAX),
}).transform(({ lateness, ...rest }) => ({ ...rest, latenessMs: lateness }));

/** For the stream `events`, unless the configuration declares a rollup of it. */
export const DEFAULT_ROLLUP = rollup.parse({
  name: 'events_by_type',
  stream: 'events',
  dimensions: ['type'],
  measures: ['count'],
});

export type Rollup = z.output<typeof rollup>;

export interface RollupConflict {
  /** Begins in the rollup. */
  readonly path: Path;
  readonly message: string;
}

/** What is right alone and does not fit together. */
export function rollupConflicts({ dimensions, measures, resolutions }: Rollup): RollupConflict[] {
  const texts = measures.map(measureText);
  const twice = (list: string, i: number) => ({
    path: [list, i],
    message: 'expected each only once',
  });
  return [
    ...repeated(dimensions).map((i) => twice('dimensions', i)),
    ...repeated(texts).map((i) => twice('measures', i)),
    ...resolutions.flatMap((_, i) => resolutionConflicts(resolutions, i)),
  ];
}

const readShape = reader(rollup);

/** One that comes by mutation. */
export function readRollup(raw: unknown): Result<Rollup, ConfigProblem[]> {
  const read = readShape(raw);
  if (!read.ok) return read;
  const conflicts = [...rollupConflicts(read.value), ...streamConflicts(read.value)];
  if (conflicts.length === 0) return read;
  const written = { valueAt: (path: Path) => valueAt(raw, path), whereIs: () => '' };
  return err(conflicts.map(({ path, message }) => problemAt(path, message, written)));
}

/** What is known of sessions while the server runs does not reach to what would have to wait for them. */
const streamConflicts = ({ stream }: Rollup): RollupConflict[] =>
  isSessionStream(stream)
    ? [
        {
          path: ['stream'],
          message: 'expected a stream of events: rollups of sessions are for the configuration',
        },
      ]
    : [];

function resolutionConflicts(all: Rollup['resolutions'], index: number): RollupConflict[] {
  const current = all[index];
  const finer = all[index - 1];
  const path = ['resolutions', index];
  if (current === undefined) return [];
  if (DAY_MS % current.stepMs !== 0) {
    return [{ path: [...path, 'step'], message: 'expected a step that divides a day' }];
  }
  if (current.retentionMs < current.stepMs) {
    return [{ path: [...path, 'retention'], message: 'expected at least one step' }];
  }
  if (finer === undefined) return [];
  if (current.stepMs <= finer.stepMs || current.stepMs % finer.stepMs !== 0) {
    const step = formatDuration(finer.stepMs);
    return [
      {
        path: [...path, 'step'],
        message: `expected a larger multiple of the step before (${step})`,
      },
    ];
  }
  if (current.retentionMs < finer.retentionMs) {
    const retention = formatDuration(finer.retentionMs);
    return [
      {
        path: [...path, 'retention'],
        message: `expected at least the finer step's (${retention})`,
      },
    ];
  }
  return [];
}

function readMeasure(raw: unknown): Measure | undefined {
  const parts = typeof raw === 'string' ? /^(\w+)(?:\((.+)\))?$/s.exec(raw) : null;
  const { op, field, ...rest } = parts === null ? asRecord(raw) : { op: parts[1], field: parts[2] };
  if (op === 'top') return parts === null ? readTop(field, rest) : readTop(...topParts(parts[2]));
  if (Object.keys(rest).length > 0) return undefined;
  if (op === 'count') return field === undefined ? { op } : undefined;
  const known = FIELD_OPS.find((candidate) => candidate === op);
  return known !== undefined && isFieldName(field) ? { op: known, field } : undefined;
}

/** `path, bytes`. A field with a comma in its name is written as a group. */
function topParts(inside = ''): [string, Record<string, string>] {
  const comma = inside.lastIndexOf(',');
  if (comma < 0) return [inside.trim(), {}];
  return [inside.slice(0, comma).trim(), { by: inside.slice(comma + 1).trim() }];
}

function readTop(
  field: unknown,
  { by, capacity = TOP_CAPACITY.default, ...rest }: Record<string, unknown>,
): Measure | undefined {
  const isCapacity = Number.isInteger(capacity) && typeof capacity === 'number';
  if (!isCapacity || capacity < TOP_CAPACITY.min || capacity > TOP_CAPACITY.max) return undefined;
  if (!isFieldName(field) || Object.keys(rest).length > 0) return undefined;
  if (by === undefined) return { op: 'top', field, capacity };
  return isFieldName(by) ? { op: 'top', field, by, capacity } : undefined;
}

const isFieldName = (name: unknown): name is string =>
  typeof name === 'string' && name !== '' && name.length <= FIELD_NAME_LENGTH_MAX;

function asRecord(raw: unknown): Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? { ...raw } : {};
}

function asDurations(resolution: { stepMs: number; retentionMs: number }) {
  return {
    stepMs: durationMs(resolution.stepMs),
    retentionMs: durationMs(resolution.retentionMs),
  };
}
