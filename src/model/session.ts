/** What a session is: the declaration that config, control blocks and partitions share, and what rollups see of one that has ended. */
import { COLUMN_KIND, type ColumnKind } from './columns.ts';
import type { RollupFilter } from './rollup.ts';
import { MINUTE_MS } from './units.ts';

export interface SessionDefinition {
  /** Unique in the server; as a rollup's. */
  readonly name: string;
  /** Whose events make the sessions. */
  readonly stream: string;
  /** The field that says whose they are. Its events must all be of one partition. */
  readonly user: string;
  readonly filter: readonly RollupFilter[];
  /** Two events of a user that lie further apart are of two sessions; exactly so far apart they are of one. */
  readonly gapMs: number;
  /** How long after the newest event of all users a session waits for stragglers, beyond its gap. */
  readonly latenessMs: number;
  /** The field whose first value in a session is its `entry`, and the one whose last value is its `exit`. */
  readonly entry?: string | undefined;
  readonly exit?: string | undefined;
  /** Fields whose first values in a session are its own. */
  readonly dimensions: readonly string[];
  /** Open sessions per tenant and partition. Past it the oldest are closed early. */
  readonly openMax: number;
}

export const DEFAULT_SESSION_GAP_MS = 30 * MINUTE_MS;
export const DEFAULT_OPEN_SESSIONS_MAX = 100_000;

/** No stream of a sender has a colon in its name. */
const STREAM_PREFIX = 'sessions:';

/** The stream of the sessions that have ended: rollups count them as events. */
export const sessionStream = (name: string): string => `${STREAM_PREFIX}${name}`;

export const isSessionStream = (stream: string): boolean => stream.startsWith(STREAM_PREFIX);

/** What makes the sessions of such a stream. */
export const sessionsOf = (
  stream: string,
  definitions: readonly SessionDefinition[],
): SessionDefinition | undefined => definitions.find(({ name }) => sessionStream(name) === stream);

/** By which time after its last event a session is counted: a rollup's bucket has to stay open for so long. */
export const countedWithinMs = ({ gapMs, latenessMs }: SessionDefinition): number =>
  gapMs + latenessMs;

/**
 * The fields of a session, beside its dimensions and `ts`, the time of its last event. `bounce` is 1 of a session of one event, else 0:
 * its average is the bounce rate. `closed` is `gap`, or `early` if there were too many open ones or the definition changed.
 */
export const SESSION_FIELDS: Readonly<Record<string, ColumnKind>> = {
  user: COLUMN_KIND.string,
  start_ms: COLUMN_KIND.number,
  duration_ms: COLUMN_KIND.number,
  events: COLUMN_KIND.number,
  bounce: COLUMN_KIND.number,
  entry: COLUMN_KIND.string,
  exit: COLUMN_KIND.string,
  closed: COLUMN_KIND.string,
};

/** Equal for definitions whose open sessions mean the same. */
export const sessionIdentity = (definition: SessionDefinition): string =>
  JSON.stringify(definition);
