/** What is said of a spool when the log that its events are for cannot be had: whoever begins with an empty folder must not leave them behind. */
import { AppError } from '../../src/model/errors.ts';

/** `error`, and how many events are left in the spool of `dir`, and how they get out of it. */
export function withSpoolLeft(error: AppError, dir: string, events: number): AppError {
  const rescue =
    error.code === 'config_invalid'
      ? 'keep this folder. They come into the topic when a start with this folder succeeds; if the topic has grown, move them to one of as many partitions as before, as docs/spool.md says under "A topic that has grown"'
      : 'keep this folder, and move them as docs/spool.md says under "A topic that was deleted"';
  const held = `${dir} holds ${events} events that were acknowledged and are not in the topic: ${rescue}`;
  return new AppError(error.code, `${error.message}. ${held}`, error.location, error);
}
