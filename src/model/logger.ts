/**
 * The program's own log, as a dependency. Structured: fields first, then one sentence without them.
 * Pino satisfies it; tests pass a recorder. (The log of events is `storage/log`, another thing.)
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  /** A logger that adds these fields to every line. */
  child(fields: Record<string, string | number>): Logger;
}
