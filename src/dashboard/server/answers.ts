/** What GraphQL answers, as far as the page asks for it. Times are epoch milliseconds. */

export interface Label {
  readonly name: string;
  readonly value: string | null;
}

export interface MeasuredValue {
  readonly value: number | null;
  readonly errorBound: number;
  /** Of `top`, where they were asked for. */
  readonly entries?: readonly TopEntry[] | null;
}

/** A heavy value: `count` is the most that it may weigh, `error` how much less it may be. */
export interface TopEntry {
  readonly value: string;
  readonly count: number;
  readonly error: number;
}

export interface Point {
  readonly t: number;
  readonly end: number;
  readonly values: readonly MeasuredValue[];
}

export interface Series {
  readonly labels: readonly Label[];
  readonly points: readonly Point[];
}

/** How good an answer is. */
export interface Quality {
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
  /** Null: the events themselves have answered. */
  readonly rollup: string | null;
  readonly watermark: number | null;
  readonly restated: boolean;
  readonly missingPartitions: readonly number[];
  /** Those that are there; an answer has the first of them. */
  readonly seriesFound: number;
  readonly names: readonly string[];
}

export interface TimeseriesUpdate extends Quality {
  readonly snapshot: boolean;
  readonly gap: boolean;
  readonly series: readonly Series[];
  readonly removedSeries: readonly { readonly labels: readonly Label[] }[];
}

export interface RollupMeasure {
  readonly op: string;
  readonly field: string | null;
}

export interface Rollup {
  readonly name: string;
  readonly stream: string;
  /** Empty: it counts all events. */
  readonly filter: readonly { readonly field: string }[];
  readonly dimensions: readonly string[];
  readonly measures: readonly RollupMeasure[];
  readonly resolutions: readonly { readonly stepMs: number; readonly retentionMs: number }[];
}

export interface FieldStatistics {
  readonly name: string;
  readonly types: readonly { readonly type: 'text' | 'number' | 'boolean' }[];
  /** Some of its values, as text. */
  readonly samples: readonly string[];
}

export interface Actor {
  readonly path: string;
  readonly name: string;
  readonly state: string;
  readonly mailboxDepth: number;
  readonly mailboxMax: number;
  readonly oldestMessageAgeMs: number | null;
  readonly handled: number;
  readonly restarts: number;
  readonly deadLetters: number;
  readonly lastError: string | null;
}

export interface Partition {
  readonly id: number;
  readonly appliedOffset: number;
  readonly committedOffset: number;
  readonly lagBytes: number;
  readonly watermark: number | null;
  readonly series: number;
  readonly dedupIds: number;
}

export interface Health {
  readonly at: number;
  readonly problems: readonly string[];
  readonly eventsAccepted: number | null;
  readonly eventsRejected: number | null;
  readonly logBytes: number;
  readonly logBytesMax: number | null;
  readonly logRefusal: string | null;
  readonly spooling: string | null;
  readonly diskFreeBytes: number | null;
  readonly diskReserveBytes: number;
  readonly archiveProblem: string | null;
  readonly actors: readonly Actor[] | null;
  readonly partitions: readonly Partition[] | null;
}

export interface Alarm {
  readonly id: string;
  readonly rule: string;
  readonly labels: readonly Label[];
  readonly state: string;
  readonly severity: string;
  readonly since: number | null;
  readonly value: number | null;
}

export interface AlarmChange {
  readonly alarm: string;
  readonly rule: string;
  readonly labels: readonly Label[];
  readonly to: string;
  readonly at: number;
  readonly value: number | null;
  readonly severity: string;
}

export interface AlarmUpdate {
  readonly snapshot: boolean;
  readonly alarms: readonly Alarm[];
  readonly changes: readonly AlarmChange[];
}

export interface Ledger {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly pending: number;
  readonly clamped: number;
  readonly expired: number;
  readonly erased: number;
  readonly balanced: boolean;
}

export interface DeadLetter {
  readonly id: string;
  readonly arrival: number;
  readonly stream: string;
  readonly code: string;
  readonly message: string;
  /** Null: what was received is no UTF-8. */
  readonly text: string | null;
  readonly base64: string;
}

export interface DeadLetterCount {
  readonly stream: string;
  readonly code: string;
  readonly letters: number;
}

export interface ResentDeadLetter {
  readonly id: string;
  readonly outcome: 'applied' | 'duplicate' | 'accepted' | 'refused' | 'gone';
  readonly message: string | null;
}

export interface Archive {
  readonly url: string | null;
  readonly problem: string | null;
  readonly fenced: boolean;
  readonly version: number;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly waitingBytes: number;
  readonly waitingSince: number | null;
  readonly missedBytes: number;
}

export interface Segment {
  readonly path: string;
  readonly stream: string;
  readonly hour: number;
  readonly partition: number | null;
  readonly rows: number;
  readonly bytes: number;
}

/** One that was sent. Partition, position and row name it for ever. */
export interface SingleEvent {
  readonly id: string | null;
  readonly ts: number;
  readonly type: string | null;
  readonly arrival: number;
  readonly partition: number;
  readonly position: number;
  readonly row: number;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export interface EventPage {
  readonly events: readonly SingleEvent[];
  readonly nextCursor: string | null;
}

export interface TailMessage {
  readonly events: readonly SingleEvent[];
  /** Null: nobody knows how many. */
  readonly skipped: number | null;
}

/** What of a mutation, or of a rule, was refused; `path` is empty where it is all of it. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}
