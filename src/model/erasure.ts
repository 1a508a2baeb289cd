/** The erasure of all events in which a field has a value: what was asked for, how far it is, and what came of it. */

/**
 * In this order: the log, dead letters, the archive; then files that were removed from the archive stay for readers that may still
 * read them, until all is done. `lost`: the value is not known any more (a data folder from a backup), it has to be asked for anew.
 */
export const ERASURE_STATES = ['log', 'deadLetters', 'archive', 'grace', 'done', 'lost'] as const;
export type ErasureState = (typeof ERASURE_STATES)[number];

/** The value itself is kept apart, and only as long as it is looked for: `ErasureValues`. */
export interface ErasureRequest {
  /** Begins with the time of the request, so that ids are in its order. */
  readonly id: string;
  readonly tenant: string;
  /** Undefined: all of the tenant's. */
  readonly stream?: string;
  readonly field: string;
  readonly requestedMs: number;
  /** Behind the last block of the log that was durable at the request: what came later stays. */
  readonly before: LogPosition;
}

/** Of a journal one offset for all partitions; of a topic one for each. */
export type LogPosition = number | readonly number[];

export const offsetIn = (position: LogPosition, partition: number): number =>
  typeof position === 'number' ? position : (position[partition] ?? 0);

/** Behind it nothing is meant, of no partition. */
export const lastOffsetIn = (position: LogPosition): number =>
  typeof position === 'number' ? position : Math.max(0, ...position);

export interface Erasure extends ErasureRequest {
  readonly state: ErasureState;
  readonly log: ErasedFromLog;
  /** Refused lines that held the value: they are kept without what they held. */
  readonly deadLetters: number;
  readonly archive: ErasedFromArchive;
  /** Rollups of which some series has the value for its label. */
  readonly labels: readonly string[];
  readonly finishedMs?: number;
}

export interface ErasedFromLog {
  /** Files of the journal before this offset are done. Of a topic nothing is: it goes when brokers delete it. */
  readonly doneBefore: number;
  /** The file whose rows are in the sums already, though it may not be replaced yet: after a crash they are not added again. */
  readonly countedBase?: number;
  /**
   * Stretches of the log of which the rows were counted, ascending: in the archive the same events are not counted again. What was deleted
   * from the log before is in none.
   */
  readonly counted: readonly Stretch[];
  readonly files: number;
  readonly blocks: number;
  /** Events that counted; not the duplicates of them. */
  readonly rows: number;
  /** Blocks that nobody can read, and so nobody can erase from. */
  readonly unreadable: number;
}

/** From the first offset, up to the second. */
export type Stretch = readonly [from: number, to: number];

export interface ErasedFromArchive {
  readonly streams: readonly ErasedFromStream[];
  /** The last files that may have held the value were removed by then; 0: none were. */
  readonly removedMs: number;
  /** The version that is about to be made: after a crash the archive tells whether it was. */
  readonly intent?: ArchiveIntent;
}

export interface ErasedFromStream {
  readonly stream: string;
  /** That held the value. */
  readonly files: number;
  readonly rows: number;
}

export interface ArchiveIntent {
  readonly stream: string;
  readonly hourMs: number;
  /** One of the files that it adds; undefined: it adds none. */
  readonly adds: string | undefined;
  /** One of the files that it removes. */
  readonly removes: string;
  readonly files: number;
  readonly rows: number;
  /** Per partition those that were not counted in the log. */
  readonly uncounted: readonly (readonly [partition: number, rows: number])[];
}

export const newErasure = (request: ErasureRequest): Erasure => ({
  ...request,
  state: 'log',
  log: { doneBefore: 0, counted: [], files: 0, blocks: 0, rows: 0, unreadable: 0 },
  deadLetters: 0,
  archive: { streams: [], removedMs: 0 },
  labels: [],
});

/** With a version that was made. */
export function withVersion(
  { streams }: ErasedFromArchive,
  { stream, files, rows }: ArchiveIntent,
  removedMs: number,
): ErasedFromArchive {
  const known = streams.find((each) => each.stream === stream) ?? { stream, files: 0, rows: 0 };
  const sum = {
    stream,
    files: known.files + files,
    rows: known.rows + rows,
  };
  return { streams: [...streams.filter((each) => each.stream !== stream), sum], removedMs };
}
