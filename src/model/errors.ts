/** Every error code of the product, in two tables: why a line was refused, and what went wrong in operation. */

/**
 * Why one event (a line, an array element, a msgpack value) was not accepted. The rest of its batch is.
 * Codes are part of the HTTP contract and of the dead letters: rename none.
 */
export const REJECTION = {
  invalid_json: 'the line is not valid JSON',
  invalid_utf8: 'the line is not valid UTF-8',
  invalid_msgpack: 'the value is not valid MessagePack',
  not_an_object: 'an event must be an object',
  missing_type: '"type" is required: a non-empty string',
  invalid_type: '"type" must be a non-empty string within the limit',
  invalid_id: '"id" must be a non-empty string within the limit',
  invalid_key: '"key" must be a string within the limit',
  invalid_ts: '"ts" must be epoch milliseconds or an RFC 3339 date-time',
  ts_out_of_range: '"ts" must lie between 1970 and 9999',
  ts_too_far_ahead: '"ts" lies further in the future than the stream allows',
  ts_too_old: '"ts" lies further in the past than the stream allows',
  number_out_of_range: 'a number must be finite in double precision',
  line_too_long: 'the line is longer than the limit',
  too_many_fields: 'the event has more fields than the limit',
  too_many_columns: 'the stream has reached its limit of distinct field names in one batch',
  field_name_too_long: 'a field name is longer than the limit',
  value_too_long: 'a string value is longer than the limit',
  too_deep: 'the event is nested deeper than the limit',
  unmapped_record: 'the record does not say whose its events are',
  invalid_cloudevent: 'the record is not a valid CloudEvent',
  unreadable_record: 'records of the topic cannot be read',
} as const;
export type RejectionCode = keyof typeof REJECTION;

/** `line` counts from 0 in the order of the request body. */
export interface Rejection {
  readonly code: RejectionCode;
  readonly line: number;
  readonly message: string;
}

/** Operating faults. `retryable` tells a supervisor or a client whether the same call may succeed later. */
export const FAULT = {
  log_full: {
    retryable: true,
    meaning: 'the log has reached its size bound or the disk its reserve',
  },
  log_backpressure: {
    retryable: true,
    meaning: 'more bytes wait for the disk than the bound allows',
  },
  log_closed: { retryable: false, meaning: 'the log is closed or closing' },
  log_io: { retryable: true, meaning: 'the disk refused a read, write or sync of the log' },
  log_away: {
    retryable: true,
    meaning: 'the brokers that have the log do not answer, or refuse what is asked of them',
  },
  log_gone: { retryable: true, meaning: 'the topic of the log was deleted, or made anew' },
  log_denied: {
    retryable: false,
    meaning: 'Kafka does not let this user in, or does not allow what the log needs',
  },
  log_truncated: { retryable: false, meaning: 'the offset lies outside of what the log keeps' },
  log_version: { retryable: false, meaning: 'a log file was written by another format version' },
  log_locked: { retryable: false, meaning: 'another process has the data directory open' },
  block_corrupt: { retryable: false, meaning: 'a block fails its checksum or its own structure' },
  block_version: { retryable: false, meaning: 'a block was written by another format version' },
  block_too_large: { retryable: false, meaning: 'a bug: a block was packed that no log can take' },
  state_io: { retryable: true, meaning: 'RocksDB refused a read or write' },
  state_stopped: {
    retryable: true,
    meaning: 'the state store takes no writes any more, until it is opened anew',
  },
  state_corrupt: { retryable: false, meaning: 'a stored state row cannot be decoded' },
  state_version: { retryable: false, meaning: 'the data directory has another layout version' },
  archive_unavailable: {
    retryable: true,
    meaning: 'the archive is out of reach, or takes no writes',
  },
  archive_denied: { retryable: false, meaning: 'the archive does not let this user in' },
  archive_missing: { retryable: false, meaning: 'a file that should be in the archive is not' },
  archive_io: { retryable: true, meaning: 'the archive refused a read, write or move' },
  archive_fenced: {
    retryable: false,
    meaning: 'another server has claimed the archive since: this one must not write to it',
  },
  archive_foreign: {
    retryable: false,
    meaning: 'the archive belongs to the log of another server',
  },
  manifest_version: {
    retryable: false,
    meaning: 'the manifest was written in another format version',
  },
  manifest_corrupt: { retryable: false, meaning: 'a version of the manifest cannot be read' },
  segment_failed: { retryable: true, meaning: 'a segment could not be written as Parquet' },
  segment_corrupt: { retryable: false, meaning: 'a segment cannot be read as it was written' },
  hive_unavailable: {
    retryable: true,
    meaning: 'Hive is out of reach, or does not answer in time',
  },
  hive_refused: { retryable: true, meaning: 'Hive refused a statement' },
  backup_invalid: { retryable: false, meaning: 'the folder is no backup, or no place for one' },
  backup_corrupt: { retryable: false, meaning: 'a file of a backup is not as it was written' },
  checkpoint_corrupt: {
    retryable: false,
    meaning: 'a checkpoint in the archive is not as it was written',
  },
  checkpoint_missing: {
    retryable: false,
    meaning: 'the log no longer has what a partition lacks, and no checkpoint has it either',
  },
  decode_failed: { retryable: false, meaning: 'a bug: the decoder threw on a body' },
  listen_failed: {
    retryable: false,
    meaning: 'an address or port cannot be listened on',
  },
  config_invalid: { retryable: false, meaning: 'the configuration is not usable' },
  input_damaged: { retryable: false, meaning: 'a file that is read is not what it begins as' },
  mailbox_full: {
    retryable: true,
    meaning: 'an actor has as many messages waiting as its bound allows',
  },
  actor_stopped: { retryable: true, meaning: 'the actor has stopped or is restarting' },
  restart_limit: { retryable: false, meaning: 'an actor crashed more often than its limit allows' },
  thread_failed: { retryable: false, meaning: 'a thread of the server ended by itself' },
  partition_elsewhere: { retryable: true, meaning: 'another node has this partition' },
  node_away: {
    retryable: true,
    meaning: 'the node of the cluster that has what is asked for does not answer',
  },
  rollup_changing: {
    retryable: true,
    meaning: 'a partition has not come to the definition of the rollup that is asked for',
  },
  cluster_unsupported: {
    retryable: false,
    meaning: 'what a node of a cluster does not do, and a server that is alone does',
  },
  not_leader: {
    retryable: true,
    meaning: 'another node of the cluster leads it, and that one alone answers this',
  },
  leader_away: {
    retryable: true,
    meaning: 'no node leads the cluster just now, or the one that does cannot be reached',
  },
  query_invalid: { retryable: false, meaning: 'the query cannot be answered as asked' },
  query_timeout: { retryable: true, meaning: 'the query took longer than its limit' },
  query_overload: {
    retryable: true,
    meaning: 'as many queries or subscriptions run or wait as the bound allows',
  },
} as const;
export type FaultCode = keyof typeof FAULT;

/** Where a fault lies; a corruption names the file and the byte, so that a person can look. */
export interface FaultLocation {
  readonly path?: string;
  readonly byteOffset?: number;
  readonly partition?: number;
}

export class AppError extends Error {
  readonly code: FaultCode;
  readonly retryable: boolean;
  readonly location: FaultLocation;

  constructor(code: FaultCode, message: string, location: FaultLocation = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AppError';
    this.code = code;
    this.retryable = FAULT[code].retryable;
    this.location = location;
  }
}

export const isFault = (error: unknown, code: FaultCode): error is AppError =>
  error instanceof AppError && error.code === code;

/** For who goes on without what a fault has kept from coming. Throws what is a bug. */
export function undefinedIfFault(error: unknown): undefined {
  if (!(error instanceof AppError)) throw error;
}

/** Faults whose message is meant for whoever asked. Others may say where files lie. */
const TOLD: ReadonlySet<FaultCode> = new Set<FaultCode>([
  'query_invalid',
  'query_timeout',
  'query_overload',
  'backup_invalid',
  'archive_unavailable',
  'partition_elsewhere',
  'not_leader',
  'leader_away',
  'cluster_unsupported',
]);

/** What a client may read of a fault; undefined: its code alone. */
export const toldOf = ({ code, message }: AppError): string | undefined =>
  TOLD.has(code) ? message : undefined;
