/** What partitions know, kept in the archive too: only where the log is a topic, which does not go with the machine. */
import { DAY_MS, durationMs, MINUTE_MS, SECOND_MS } from '../model/units.ts';
import { integer, milliseconds, oneOf, yes } from './scalars.ts';
import { group } from './shapes.ts';

export const checkpoints = group({
  /** Without them a new machine reads the topic from its start, and knows nothing of silences or of who was told of an alarm. */
  enabled: yes.default(true),
  /** Smaller makes the replay on a new machine shorter, and reads the whole state more often. */
  intervalMs: milliseconds(10 * SECOND_MS, DAY_MS).default(durationMs(5 * MINUTE_MS)),
  /** More leave more to fall back on where one is damaged, and keep what is erased for longer. */
  kept: integer(2, 100).default(3),
  /**
   * A partition lacks what the topic no longer has, and no checkpoint has it: `refuse` to start, or `goOn` without it, which is
   * counted nowhere then.
   */
  whenMissing: oneOf(['refuse', 'goOn']).default('refuse'),
});
