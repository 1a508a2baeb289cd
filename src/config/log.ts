/** Where the log is: what is acknowledged is in it, and everything else is derived from it. What its keys mean in practice is in docs/kafka.md. */
import { BLOCK_BYTES_MAX } from '../model/block-format.ts';
import { bytes, DAY_MS, HOUR_MS } from '../model/units.ts';
import { connectionConflicts, connectionKeys } from './kafka.ts';
import { fileConflicts } from './kafka-files.ts';
import { integer, milliseconds, oneOf, scalar, size, yes } from './scalars.ts';
import type { Path } from './settings.ts';
import { group } from './shapes.ts';

const GIB = 2 ** 30;
const REPLICAS_MAX = 32_767;

const SPOOL_BYTES = bytes(16 * GIB);

const kafka = group({
  ...connectionKeys,
  /** Has as many partitions as this server, and holds nothing else. */
  topic: scalar('a name of letters, digits, ".", "_" and "-", at most 249 of them', (raw) =>
    typeof raw === 'string' && /^(?!\.{1,2}$)[\w.-]{1,249}$/.test(raw) ? raw : undefined,
  ).default('streamgauge'),
  /** Makes the topic if there is none. Without it somebody else does. */
  create: yes.default(true),
  /** Of the topic that is made: brokers that have each block. Default: three, or as many as there are brokers. */
  replication: integer(1, REPLICAS_MAX).optional(),
  /** Brokers that must have a block before it is acknowledged. More lose nothing when so many fail, fewer take events longer. Default: one less than have it. */
  minInSyncReplicas: integer(1, REPLICAS_MAX).optional(),
  /** Kafka deletes what is older, whoever still needs it: an alarm tells before. Default: a week of a topic that is made. */
  retentionMs: milliseconds(HOUR_MS, 100 * 365 * DAY_MS).optional(),
  /** Of each partition. Default: as much as `retentionMs` makes it. */
  retentionBytes: size(64 * 2 ** 20, 1_024 * 1_024 * GIB).optional(),
  /** Bytes that wait for the brokers. Past it senders get 503: memory never grows instead. */
  pendingBytesMax: size(BLOCK_BYTES_MAX, 1 * GIB).default(bytes(4 * BLOCK_BYTES_MAX)),
  /** Where events wait while the brokers are away: `local` in the data folder; with `none` senders get 503 at once. More is in docs/spool.md. */
  spool: oneOf(['none', 'local']).optional(),
  /** Disk that it may take; `journal.diskReserveBytes` stays free besides. Past it senders get 503. */
  spoolBytesMax: size(64 * 2 ** 20, 1_024 * GIB).optional(),
}).transform((settings, context) => {
  const { spool, spoolBytesMax = SPOOL_BYTES } = settings;
  if (spool === undefined && settings.spoolBytesMax !== undefined) {
    context.addIssue({
      code: 'custom',
      path: ['spoolBytesMax'],
      message: 'expected "spool: local" beside it, or "spool: none" where it is kept for later',
    });
  }
  return { ...settings, spool: spool ?? 'none', spoolBytesMax };
});

/** Of what the group `kafka` says nothing is in force with a journal: it may be kept for later. */
export const log = group({
  /** A `journal` in the data folder (the default), or a topic of `kafka`. */
  type: oneOf(['journal', 'kafka']).optional(),
  kafka: kafka.optional(),
}).transform(({ type, kafka }, context) => {
  // Whoever forgets it would have a journal, and notice when the machine is lost.
  if (type === undefined && kafka !== undefined) {
    context.addIssue({
      code: 'custom',
      path: ['type'],
      message:
        'expected "kafka", because the group "kafka" is there; or "journal" where that is kept for later',
    });
  }
  return { type: type ?? 'journal', ...(type === 'kafka' && kafka && { kafka }) };
});

interface LogConflict {
  readonly path: Path;
  readonly message: string;
}

/** Rules between its settings. Paths begin at its group. */
export function logConflicts({ type, kafka }: ReturnType<typeof log.parse>): LogConflict[] {
  if (kafka === undefined) {
    if (type === 'journal') return [];
    return [{ path: ['kafka'], message: 'expected at least "brokers", because "type" is kafka' }];
  }
  const conflicts: LogConflict[] = [...connectionConflicts(kafka), ...fileConflicts(kafka)];
  const { replication, minInSyncReplicas = 1 } = kafka;
  if (replication !== undefined && minInSyncReplicas > replication) {
    conflicts.push({
      path: ['minInSyncReplicas'],
      message: `expected at most "replication" (${replication}), or nothing could ever be acknowledged`,
    });
  }
  return conflicts.map(({ path, message }) => ({ path: ['kafka', ...path], message }));
}
