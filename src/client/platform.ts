/** What a client needs of the world that it runs in: browsers and Node.js each bring theirs, and tests another. */
import type { Answer } from './answer.ts';
import type { Problem } from './problem.ts';

export interface Platform {
  /** Wall clock, epoch milliseconds. May jump, and may be wrong. */
  now(): number;
  /** From 0 to below 1: how much of a wait is waited. */
  random(): number;
  /** A text that no other client has, of letters and digits: 64 random bits. */
  unique(): string;
  /**
   * Runs `work` once, in `ms`; what it answers cancels that. A wait for a server that does not answer (`isRetry`) keeps
   * no process alive.
   */
  after(ms: number, work: () => void, isRetry: boolean): () => void;
  /** Sends NDJSON once, one at a time. Rejects if no answer came. */
  post(body: string): Promise<Answer>;
  /** Ends what `post` has left open. */
  hangUp?(): void;
  /** False: nothing can be sent now, so nothing is tried. */
  isOnline(): boolean;
  /** Tells the developer what else nobody would see. */
  warn(problem: Problem): void;
  /** Absent: what waits lives as long as the client. */
  readonly store?: EventStore | undefined;
  /** Absent: events carry only the visitor that they are given. */
  readonly visitors?: VisitorStore | undefined;
}

/** An event from when it is tracked until it is answered. Its line never changes, and its id is in it. */
export interface QueuedEvent {
  /** Names it on this machine, and sorts as events were tracked. */
  readonly place: string;
  /** JSON without line ends. */
  readonly line: string;
  /** Of `line` in UTF-8. */
  readonly bytes: number;
  /** When a beacon took it along, of which nobody hears what became. */
  readonly beaconedMs?: number | undefined;
}

/** Keeps what waits over reloads and restarts. Several clients may share one: each may send what another has kept. */
export interface EventStore {
  /** The oldest up to `max` with a place below `before`, oldest first. */
  load(before: string, max: number): Promise<readonly QueuedEvent[]>;
  /** Replaces those with the same places. */
  put(events: readonly QueuedEvent[]): Promise<void>;
  remove(places: readonly string[]): Promise<void>;
  clear(): Promise<void>;
  close(): void;
}

/** Whose events these are. */
export interface VisitorState {
  /** Random, of this browser. */
  readonly device: string;
  readonly user?: string | undefined;
  readonly session: string;
  /** When the last event was tracked. */
  readonly lastMs: number;
}

/** Keeps the visitor from page to page. Never throws: without room, or where the browser forbids it, it keeps nothing. */
export interface VisitorStore {
  read(): VisitorState | undefined;
  write(state: VisitorState): void;
  clear(): void;
}
