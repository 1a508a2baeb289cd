/**
 * Every key of the configuration with its bounds and its default. The comment on a key says what a larger
 * and a smaller value do. Groups nest; a key that holds a number ends in its unit.
 */
import { z } from 'zod';
import { type AccessKey, hashSecret, isSecret, SCOPES, SECRET_PREFIX } from '../model/access.ts';
import { BLOCK_BYTES_MAX, PARTITIONS_MAX } from '../model/block-format.ts';
import { TIME_POLICIES } from '../model/event-time.ts';
import { bytes, DAY_MS, durationMs, SECOND_MS } from '../model/units.ts';
import { alarms } from './alarms.ts';
import { archive } from './archive.ts';
import { checkpoints } from './checkpoints.ts';
import { cluster } from './cluster.ts';
import { cold } from './cold.ts';
import { log } from './log.ts';
import { rollup } from './rollups.ts';
import {
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
import { sessions } from './sessions.ts';
import { group, list } from './shapes.ts';
import { timeseries } from './timeseries.ts';
import { topicSources } from './topic-sources.ts';
import { web } from './web.ts';

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

/** Of what lies further from now than `beyondMs`. */
const timeLimit = group({
  beyondMs: milliseconds(SECOND_MS, 36_500 * DAY_MS),
  policy: oneOf(TIME_POLICIES),
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
  /** What becomes of events whose `ts` lies far from their arrival: the first that fits a stream. See docs/event-time.md. */
  eventTime: list(
    group({
      /** Without it: any. */
      tenant: name('a tenant').optional(),
      stream: streamName.optional(),
      future: timeLimit.optional(),
      past: timeLimit.optional(),
    }),
    1_000,
  ).default([]),
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
  /** Where what is acknowledged is. How Kafka is set up is in docs/kafka.md. */
  log: log.prefault({}),
  /** Several servers over that topic. How nodes come, go and stand in for each other is in docs/cluster.md. */
  cluster: cluster.prefault({}),
  journal: journal.prefault({}),
  commit: commit.prefault({}),
  dedup: dedup.prefault({}),
  /** Events as Parquet files, for good. What they look like is in docs/segments.md. */
  archive: archive.prefault({}),
  /** Of partitions, in the archive; where the log is a topic. What they are for is in docs/checkpoints.md. */
  checkpoints: checkpoints.prefault({}),
  /** Questions about single events. What can be asked is in docs/events.md. */
  timeseries: timeseries.prefault({}),
  cold: cold.prefault({}),
  deadLetters: deadLetters.prefault({}),
  /** Topics of Kafka that other programs write, as events. What the keys mean in practice is in docs/sources.md. */
  sources: topicSources,
  rollups: list(rollup, 64).default([]),
  /** Of a user's events, by the gaps between them. What they are is in docs/sessions.md. */
  sessions: list(sessions, 16).default([]),
  /** The pixel, page views, and who sees them. What it all means is in docs/web.md. */
  web: web.prefault({}),
  /** Rules, and who is told. What they mean is in docs/alarms.md. */
  alarms: alarms.prefault({}),
  logging: logging.prefault({}),
});

/** What the schema makes of its input: every default filled in, every number in its base unit. */
export type Settings = z.output<typeof schema>;
