/** What is asked of the archive and the log behind it, and what is answered. All of it is plain data. */

export type Value = string | number | boolean;

/**
 * A condition on an event. All parts that are given must hold. The parts besides `field`, `and`, `or` and `not` judge
 * the value of `field`.
 */
export interface EventWhere {
  readonly field?: string;
  readonly eq?: Value;
  readonly ne?: Value;
  readonly in?: readonly Value[];
  readonly gt?: Value;
  readonly gte?: Value;
  readonly lt?: Value;
  readonly lte?: Value;
  readonly contains?: string;
  readonly prefix?: string;
  readonly exists?: boolean;
  readonly and?: readonly EventWhere[];
  readonly or?: readonly EventWhere[];
  readonly not?: EventWhere;
}

/** Names an event for ever, and its place in the order of all. */
export interface EventKey {
  readonly tsMs: number;
  readonly partition: number;
  readonly position: number;
  readonly row: number;
}

export interface EventsQuestion {
  readonly tenant: string;
  readonly stream: string;
  /** `[fromMs, toMs)`, by the events' own time. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly id?: string;
  readonly where?: EventWhere;
  /** A text that some string of the event has in it. */
  readonly contains?: string;
  readonly first: number;
  /** Only events behind this one. */
  readonly after?: EventKey;
}

export interface StoredEvent extends EventKey {
  readonly id: string | null;
  readonly type: string | null;
  readonly arrivalMs: number;
  readonly fields: Readonly<Record<string, Value>>;
}

export interface EventsAnswer {
  /** Newest first; what is equally new by partition, position and row, last first. */
  readonly events: readonly StoredEvent[];
  readonly hasMore: boolean;
}

export const EXPORT_FORMATS = ['ndjson', 'csv', 'parquet'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** All events of a range as one file. */
export interface ExportQuestion
  extends Pick<EventsQuestion, 'tenant' | 'stream' | 'fromMs' | 'toMs' | 'where' | 'contains'> {
  readonly format: ExportFormat;
  /** Fields, of `parquet` columns; undefined: all. */
  readonly columns?: readonly string[];
  /** Of `csv`: what a spreadsheet would compute stays a text in it, with a `'` before it. */
  readonly escapesFormulas: boolean;
  readonly gzip: boolean;
  /** From when on it has taken too long. */
  readonly endMs: number;
}

/** What has come out of it. */
export interface ExportAnswer {
  readonly rows: number;
  readonly bytes: number;
}

export interface SqlQuestion {
  readonly tenant: string;
  readonly query: string;
  readonly limit: number;
}

export interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  /** There are more rows than the limit, or than fit into an answer. */
  readonly isTruncated: boolean;
}

/** What one process with DuckDB is asked: one statement on files that are named. */
export interface DuckQuestion {
  readonly sql: string;
  /**
   * A user's runs in a database that lives as long as the statement and can read its files alone. One that the server itself
   * has composed, with values apart from its text, runs in one that stays: opening one takes as long as reading some files.
   */
  readonly author: 'user' | 'server';
  /** Of `$1`, `$2`. */
  readonly parameters: readonly Value[];
  readonly views: readonly { readonly name: string; readonly sql: string }[];
  /** All that can be read. */
  readonly paths: readonly string[];
  readonly rowsMax: number;
  readonly timeoutMs: number;
}

/** One statement of an export. */
export interface CopyQuestion
  extends Pick<DuckQuestion, 'sql' | 'parameters' | 'paths' | 'timeoutMs'> {
  /** `lines`: each row has one text, and becomes a line. */
  readonly form: 'lines' | 'parquet';
  /** The bytes of all statements of the export are one stream. */
  readonly gzip: boolean;
  /** No statement of the export follows. */
  readonly isLast: boolean;
}

/** What was read for questions. Counters count from the thread's start. */
export interface ReadNumbers {
  /** That questions were given to read, staged ones included. */
  readonly filesRead: number;
  /** Events in them. Of many a question reads only parts. */
  readonly rowsRead: number;
  /** Of a remote archive. */
  readonly fetchedBytes: number;
  /** Of what was fetched, what is kept here. */
  readonly cachedBytes: number;
  /** Segments that are put together, not compressed. */
  readonly joinedBytes: number;
  /** What is staged of the log. */
  readonly tailBytes: number;
}

/** What every question of a process may take. */
export interface DuckLimits {
  readonly threads: number;
  readonly memoryBytesMax: number;
  /** Of nobody else. */
  readonly tempDir: string;
  /** In which all files lie. */
  readonly folders: readonly string[];
}

/** A way to DuckDB. Rejects with `query_invalid` (what DuckDB said), `query_timeout`, `query_overload` or `archive_io`. */
export interface DuckRunner {
  run(question: DuckQuestion): Promise<SqlAnswer>;
  /** The statement's tree as `json_serialize_sql` writes it. */
  parse(query: string): Promise<string>;
  /**
   * Hands over what the statement's rows are as a file, in pieces, each when the one before was taken. Resolves with what was
   * handed over, by `take` here and in earlier statements of the export.
   */
  copy(question: CopyQuestion, take: TakeBytes): Promise<ExportAnswer>;
}

/** Resolves when it can take more. */
export type TakeBytes = (bytes: Uint8Array) => Promise<void>;
