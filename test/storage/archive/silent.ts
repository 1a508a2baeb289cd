/** A log that nobody reads. */
import type { Logger } from '../../../src/model/logger.ts';

export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};
