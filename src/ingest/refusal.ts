/** Why a whole request was refused: code, HTTP status, and a sentence that says what would work. */

/** Codes are part of the HTTP contract: rename none. */
export const REFUSAL_STATUS = {
  invalid_stream: 400,
  invalid_parameter: 400,
  invalid_length: 400,
  empty_body: 400,
  all_rejected: 400,
  invalid_encoding: 400,
  truncated_body: 400,
  unauthorized: 401,
  forbidden: 403,
  origin_not_allowed: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_timeout: 408,
  body_too_large: 413,
  unsupported_media_type: 415,
  unsupported_encoding: 415,
  upgrade_required: 426,
  quota_exceeded: 429,
  internal: 500,
  overloaded: 503,
  too_many_connections: 503,
  shutting_down: 503,
  log_backpressure: 503,
  log_full: 503,
  log_io: 503,
  log_closed: 503,
  log_away: 503,
  log_gone: 503,
} as const;
export type RefusalCode = keyof typeof REFUSAL_STATUS;

export interface Refusal {
  readonly code: RefusalCode;
  /** What was expected, what was received, what to do. */
  readonly message: string;
  /** Present where the same request may succeed later. */
  readonly retryAfterMs?: number;
  /** The bound that was hit, in its unit, for a client that adapts to it. */
  readonly limit?: number;
}

export const statusOf = (code: RefusalCode): number => REFUSAL_STATUS[code];

export const refusalJson = ({ code, message, limit }: Refusal): string =>
  JSON.stringify({ error: limit === undefined ? { code, message } : { code, message, limit } });

const LOG_REFUSALS = {
  log_backpressure: {
    message: 'the log is behind, so nothing more is taken for the moment: send the request again',
    retryAfterMs: 1_000,
  },
  log_full: {
    message:
      'the log has reached its size bound or the disk its reserve: free space or raise journal.bytesMax (of a topic log.kafka.spoolBytesMax), then send again',
    retryAfterMs: 30_000,
  },
  log_io: {
    message:
      'the disk failed; whether these events were kept is unknown: send them again with the same ids, copies are dropped',
    retryAfterMs: 10_000,
  },
  log_away: {
    message:
      'the brokers do not answer; whether these events were kept is unknown: send them again with the same ids, copies are dropped',
    retryAfterMs: 10_000,
  },
  log_gone: {
    message:
      'the topic that is the log was deleted, so nothing is taken until that is mended: keep these events and send them again then',
    retryAfterMs: 60_000,
  },
  log_closed: {
    message: 'the server is stopping: send the request again',
    retryAfterMs: 2_000,
  },
} as const;

export type LogRefusalCode = keyof typeof LOG_REFUSALS;

export const logRefusal = (code: LogRefusalCode): Refusal => ({ code, ...LOG_REFUSALS[code] });

/** What a failed append means to the request that waits for it. */
export function refusalOfFault(code: string): Refusal {
  if (Object.hasOwn(LOG_REFUSALS, code)) return logRefusal(code as LogRefusalCode);
  return {
    code: 'internal',
    message: 'the server failed on this request; its log says why. Send it again with the same ids',
    retryAfterMs: 5_000,
  };
}
