/** What the main thread and the cold thread tell each other. */

import type { MessagePort } from 'node:worker_threads';
import type {
  EventsAnswer,
  EventsQuestion,
  ExportAnswer,
  ExportQuestion,
  ReadNumbers,
  SqlAnswer,
  SqlQuestion,
  StoredEvent,
} from '../../actors/cold/questions.ts';
import type {
  SeriesAnswer,
  SeriesQuestion,
  SeriesScan,
} from '../../actors/cold/series-question.ts';
import type { ArchiveSettings } from '../../storage/archive/open.ts';
import type { LogSource } from '../../storage/log/source.ts';
import type { StateHandle } from '../../storage/state/rocksdb.ts';
import type { FromThread, ToThread } from './asked-thread.ts';
import type { BytesMessage, ReaderMessage } from './byte-stream.ts';
import type { PartitionThreadOptions } from './protocol.ts';

/** `workerData` of src/threads/cold.ts. */
export interface ColdThreadData {
  readonly archive: ArchiveSettings;
  /** Of one question, whatever it asks. */
  readonly duck: { readonly threads: number; readonly memoryBytesMax: number };
  readonly timeoutMs: number;
  /** What waits to be archived and is staged here. */
  readonly tailBytesMax: number;
  /** Segments of a remote archive that are kept here. */
  readonly cacheBytesMax: number;
  readonly workDir: string;
  readonly source: LogSource;
  /** `LogShared.buffer` */
  readonly shared: SharedArrayBuffer;
  /** `Progress.buffer` */
  readonly progress: SharedArrayBuffer;
  /** `OpenState.handle`; the opener must outlive the thread. */
  readonly state: StateHandle;
  /** On a node of a cluster: the way to what other nodes have (`AskedState`). */
  readonly elsewhere?: MessagePort | undefined;
  readonly logging: PartitionThreadOptions['logging'];
}

export type ColdQuestions = {
  readonly events: { readonly ask: EventsQuestion; readonly answer: EventsAnswer };
  /** Of the events with the question's id the newest. */
  readonly event: {
    readonly ask: Omit<EventsQuestion, 'first'>;
    readonly answer: StoredEvent | undefined;
  };
  readonly sql: { readonly ask: SqlQuestion; readonly answer: SqlAnswer };
  /** Undefined: no event of the stream is known. */
  readonly timeseries: {
    readonly ask: SeriesQuestion;
    readonly answer: SeriesAnswer | undefined;
  };
  /** What that would read. As `timeseries`. */
  readonly scan: { readonly ask: SeriesQuestion; readonly answer: SeriesScan | undefined };
  readonly read: { readonly ask: undefined; readonly answer: ReadNumbers };
  /** Keeps nothing of events that it has fetched or staged. */
  readonly forget: { readonly ask: undefined; readonly answer: undefined };
  /** Answered when all bytes have been told. */
  readonly export: {
    readonly ask: { readonly stream: number; readonly question: ExportQuestion };
    readonly answer: ExportAnswer;
  };
};

export type ToCold = ToThread<ColdQuestions, ReaderMessage>;
export type FromCold = FromThread<BytesMessage>;
