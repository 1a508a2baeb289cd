/** What is asked of the log as it grows, and what is told. All of it is plain data. */
import type { EventWhere, StoredEvent } from '../cold/questions.ts';

export interface FollowQuestion {
  readonly tenant: string;
  readonly stream: string;
  readonly where?: EventWhere;
  /** A text that some text of the event has in it. */
  readonly contains?: string;
  readonly maxPerSecond: number;
}

export interface FollowedEvents {
  /** Of each partition in the order of the log. */
  readonly events: readonly StoredEvent[];
  /**
   * Events that were asked for and passed over since the message before: more came than were wanted or taken. Undefined: the log
   * was deleted before it was read, and nobody knows how many there were.
   */
  readonly skipped: number | undefined;
}

export interface FollowSource {
  /** Undefined when nothing comes any more. One call at a time. Rejects with `thread_failed`. */
  next(): Promise<FollowedEvents | undefined>;
  close(): void;
}

/** The thread that reads the log. */
export interface FollowPort {
  /** Resolves when what is committed from then on will be told. Rejects with `query_invalid`. */
  follow(question: FollowQuestion): Promise<FollowSource>;
}
