/** What can be asked about single events. */
import type {
  EventKey,
  EventsAnswer,
  EventsQuestion,
  EventWhere,
  SqlAnswer,
  SqlQuestion,
  StoredEvent,
  Value,
} from '../../../actors/cold/questions.ts';

export type { EventKey, EventsQuestion, EventWhere, SqlAnswer, StoredEvent, Value };

/** The thread that answers; undefined where there is no archive. */
export interface ColdPort {
  events(question: EventsQuestion): Promise<EventsAnswer>;
  event(question: Omit<EventsQuestion, 'first'>): Promise<StoredEvent | undefined>;
  sql(question: SqlQuestion): Promise<SqlAnswer>;
  /** Of `[partition]` the offset before which everything is committed. */
  committed(partition: number): number;
  readonly rowsMax: number;
  readonly concurrency: number;
}
