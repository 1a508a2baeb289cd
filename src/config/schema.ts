/**
 * Every key of the configuration with its bounds and its default. The comment on a key says what a larger
 * and a smaller value do. Groups nest; a key that holds a number ends in its unit.
 */
import { z } from 'zod';
import { type AccessKey, hashSecret, isSecret, SCOPES, SECRET_PREFIX } from '../model/access.ts';
import { BLOCK_BYTES_MAX, PARTITIONS_MAX } from '../model/block-format.ts';
import {
  DEFAULT_LATENESS_MS,
  DEFAULT_RESOLUTIONS,
  DEFAULT_SERIES_MAX,
  MEASURE_OPS,
  type Measure,
} from '../model/rollup.ts';
import { bytes, DAY_MS, durationMs } from '../model/units.ts';
import { alarms } from './alarms.ts';
import { archive } from './archive.ts';
import { cold } from './cold.ts';
import {
  duration,
  integer,
  milliseconds,
  name,
  network,
  oneOf,
  origin,
  scalar,
  size,
  streamName,
  text,
} from './scalars.ts';
import { FIELD_NAME_LENGTH_MAX, field, filter, group, list } from './shapes.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const TiB = 2 ** 40;

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** Written before the digits of a hash. */
export const HASH_PREFIX = 'sha256:';

const listen = group({
  /** The address of both listeners. Anything but loopback needs keys. */
  host: text('a host name or an IP address', 255).default('127.0.0.1'),
  /** Events come in here. 0 takes a free port. */
  ingestPort: integer(0, 65_535).default(8080),
  /** Questions, the actors' tree and metrics. 0 takes a free port. */
  queryPort: integer(0, 65_535).default(8081),
});

const tls = group({
  /** PEM with the whole chain. Both listeners use it. */
  certFile: text('the path of a PEM file'),
  keyFile: text('the path of a PEM file'),
});

const limits = group({
  /** One event as text. A larger one is refused alone; the rest of its request is not. */
  lineBytesMax: size(1 * KiB, 8 * MiB).default(bytes(1 * MiB)),
  /** One request after inflating: what a gzip bomb can cost. */
  bodyBytesMax: size(64 * KiB, 1 * GiB).default(bytes(64 * MiB)),
  fieldsMax: integer(8, 4_096).default(256),
  fieldNameBytesMax: size(16, 1 * KiB).default(bytes(128)),
  valueBytesMax: size(256, 1 * MiB).default(bytes(64 * KiB)),
  /** Nested objects become `a.b.c`; deeper ones are refused. */
  depthMax: integer(1, 64).default(16),
  /** Open connections on the ingest listener, in all edge threads together. */
  connectionsMax: integer(1, 1_000_000).default(10_000),
  /** The time a sender may take for one body. Smaller hurts slow phones, larger helps a slow-loris. */
  bodyTimeoutMs: milliseconds(100, 600_000).default(durationMs(30_000)),
  /** Each tenant's quota; without it there is none. Past it a sender is told when to come back. */
  requestsPerSecondMax: integer(1, 10_000_000).optional(),
  eventsPerSecondMax: integer(1, 100_000_000).optional(),
});

const journal = group({
  /** One file. Whole files are deleted, so smaller ones free space sooner; each new one costs extra syncs. */
  fileBytes: size(1 * MiB, 4 * GiB).default(bytes(256 * MiB)),
  /** All files together. Past it senders get 503 until old files can go. */
  bytesMax: size(16 * MiB, 64 * TiB).default(bytes(32 * GiB)),
  /** Free space that the journal leaves, so that the state can still be committed on a full disk. */
  diskReserveBytes: size(0, 1 * TiB).default(bytes(1 * GiB)),
  /** Bytes that wait for the disk. Past it senders get 503: memory never grows instead. */
  pendingBytesMax: size(BLOCK_BYTES_MAX, 1 * GiB).default(bytes(4 * BLOCK_BYTES_MAX)),
});

const commit = group({
  /** How often a partition writes its changes. Larger writes less and replays more after a crash. */
  intervalMs: milliseconds(100, 60_000).default(durationMs(2_000)),
});

const dedup = group({
  /** Event ids remembered per server; whichever bound is met first ends the window. */
  windowIdsMax: integer(1_000, 10_000_000_000).default(16_000_000),
  memoryBytesMax: size(1 * MiB, 256 * GiB).default(bytes(256 * MiB)),
});

const deadLetters = group({
  /** Refused lines kept per tenant with reason and bytes; the oldest go first. */
  countMax: integer(0, 100_000_000).default(100_000),
});

const logging = group({
  level: oneOf(LOG_LEVELS).default('info'),
  /** `auto` is pretty on a terminal and JSON lines everywhere else. */
  format: oneOf(['auto', 'pretty', 'json']).default('auto'),
});

/** The prefix says what it is and keeps YAML from reading a hash of digits as a number. */
const secretHash = scalar(
  `"${HASH_PREFIX}" and 64 hex digits, as "streamgauge keys create" and "keys hash" print it`,
  (raw) =>
    typeof raw === 'string' && /^sha256:[0-9a-f]{64}$/.test(raw)
      ? raw.slice(HASH_PREFIX.length)
      : undefined,
);
const publicSecret = scalar(`the public key itself: "${SECRET_PREFIX}" and 43 characters`, (raw) =>
  typeof raw === 'string' && isSecret(raw) ? raw : undefined,
);

const accessKey = group({
  id: name('an id'),
  tenant: name('a tenant'),
  scopes: list(oneOf(SCOPES), SCOPES.length).min(1, { error: 'expected at least one scope' }),
  /** SHA-256 of the secret. A secret key has only this. */
  hash: secretHash.optional(),
  /** A key that pages carry, in clear. It may only write. */
  public: publicSecret.optional(),
}).transform(({ public: secret, hash, ...rest }, context): AccessKey => {
  if ((secret === undefined) === (hash === undefined)) {
    context.addIssue({
      code: 'custom',
      path: [hash === undefined ? 'hash' : 'public'],
      message: 'expected either "hash" (a secret key) or "public" (a key that pages carry)',
    });
    return z.NEVER;
  }
  if (secret === undefined) return { ...rest, hash: hash ?? '' };
  if (rest.scopes.some((scope) => scope !== 'write')) {
    context.addIssue({
      code: 'custom',
      path: ['scopes'],
      message: 'expected [write]: everybody who reads the page has a public key',
    });
  }
  return { ...rest, hash: hashSecret(secret), publicSecret: secret };
});

const FIELD_OPS = MEASURE_OPS.filter((op) => op !== 'count');
/** Written `count` or `sum(amount)`, or as a group: `{op: sum, field: amount}`. */
const measure = scalar(
  `"count", or ${FIELD_OPS.join(', ')} of a field, such as "sum(amount)" or {op: sum, field: amount}`,
  readMeasure,
);

const resolution = group({
  /** The width of one bucket. */
  step: duration(1_000, DAY_MS),
  /** How long its buckets are kept. */
  retention: duration(1_000, 100 * 365 * DAY_MS),
}).transform(({ step, retention }) => ({ stepMs: step, retentionMs: retention }));

const rollup = group({
  name: name('a name'),
  stream: streamName.default('events'),
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

export const schema = group({
  listen: listen.prefault({}),
  /** Journal and state. A relative path in a file starts at that file's folder. */
  dataDir: text('the path of a folder').default('data'),
  tls: tls.optional(),
  cors: group({
    /**
     * Pages that may send and ask from a browser; `*` allows all of them. None by default: a server
     * without keys would otherwise answer every page that its operator happens to visit.
     */
    origins: list(origin(), 1_000).default([]),
  }).prefault({}),
  /** Proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: list(network(), 1_000).default([]),
  /**
   * Fixed when the data folder is created. More partitions spread over more threads and make each answer
   * merge more parts.
   */
  partitions: integer(1, PARTITIONS_MAX).default(4),
  /** Threads that decode; on two cores one of each kind is right. */
  edgeThreads: integer(1, 64).default(1),
  /** Threads that aggregate, each with a share of the partitions. */
  partitionThreads: integer(1, 64).default(1),
  keys: list(accessKey, 10_000).default([]),
  limits: limits.prefault({}),
  journal: journal.prefault({}),
  commit: commit.prefault({}),
  dedup: dedup.prefault({}),
  /** Events as Parquet files, for good. What they look like is in docs/segments.md. */
  archive: archive.prefault({}),
  /** Questions about single events. What can be asked is in docs/events.md. */
  cold: cold.prefault({}),
  deadLetters: deadLetters.prefault({}),
  rollups: list(rollup, 64).default([]),
  /** Rules, and who is told. What they mean is in docs/alarms.md. */
  alarms: alarms.prefault({}),
  logging: logging.prefault({}),
});

/** For the stream `events`, unless the configuration declares a rollup of it. */
export const DEFAULT_ROLLUP = rollup.parse({
  name: 'events_by_type',
  stream: 'events',
  dimensions: ['type'],
  measures: ['count'],
});

/** What the schema makes of its input: every default filled in, every number in its base unit. */
export type Settings = z.output<typeof schema>;

function readMeasure(raw: unknown): Measure | undefined {
  const parts = typeof raw === 'string' ? /^(\w+)(?:\((.+)\))?$/s.exec(raw) : null;
  const { op, field, ...rest } = parts === null ? asRecord(raw) : { op: parts[1], field: parts[2] };
  if (Object.keys(rest).length > 0) return undefined;
  if (op === 'count') return field === undefined ? { op } : undefined;
  const known = FIELD_OPS.find((candidate) => candidate === op);
  const named = typeof field === 'string' && field !== '' && field.length <= FIELD_NAME_LENGTH_MAX;
  return known !== undefined && named ? { op: known, field } : undefined;
}

function asRecord(raw: unknown): Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? { ...raw } : {};
}

function asDurations(resolution: { stepMs: number; retentionMs: number }) {
  return {
    stepMs: durationMs(resolution.stepMs),
    retentionMs: durationMs(resolution.retentionMs),
  };
}
