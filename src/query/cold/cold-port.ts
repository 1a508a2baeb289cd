/** What can be asked about single events. */
import type {
  EventKey,
  EventsAnswer,
  EventsQuestion,
  EventWhere,
  ExportFormat,
  ExportQuestion,
  SqlAnswer,
  SqlQuestion,
  StoredEvent,
  Value,
} from '../../../actors/cold/questions.ts';
import type {
  FoundSeries,
  FoundValue,
  SeriesAnswer,
  SeriesMeasure,
  SeriesQuestion,
  SeriesScan,
} from '../../../actors/cold/series-question.ts';
import type { ByteSource } from '../../model/byte-source.ts';

export { EXPORT_FORMATS } from '../../../actors/cold/questions.ts';
export type {
  EventKey,
  EventsQuestion,
  EventWhere,
  ExportFormat,
  ExportQuestion,
  FoundSeries,
  FoundValue,
  SeriesAnswer,
  SeriesMeasure,
  SeriesQuestion,
  SeriesScan,
  SqlAnswer,
  StoredEvent,
  Value,
};

/** The thread that answers; undefined where there is no archive. */
export interface ColdPort {
  events(question: EventsQuestion): Promise<EventsAnswer>;
  event(question: Omit<EventsQuestion, 'first'>): Promise<StoredEvent | undefined>;
  sql(question: SqlQuestion): Promise<SqlAnswer>;
  /** Undefined: no event of the stream is known. */
  timeseries(question: SeriesQuestion): Promise<SeriesAnswer | undefined>;
  /** What that would read; rejects as it would. */
  scan(question: SeriesQuestion): Promise<SeriesScan | undefined>;
  export(question: ExportQuestion): Promise<ByteSource>;
  /** Of `[partition]` the offset before which everything is committed. */
  committed(partition: number): number;
  readonly rowsMax: number;
  /** Events in the files that a timeseries may read. */
  readonly scanRowsMax: number;
  readonly concurrency: number;
  readonly exports: {
    /** At a time. */
    readonly concurrency: number;
    /** Of one, however slowly it is read. */
    readonly timeoutMs: number;
  };
}
