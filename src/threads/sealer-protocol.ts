/** What the archive thread and its process with DuckDB tell each other. */
import type { DuckOptions, Statements } from '../../storage/segments/duckdb.ts';
import type { Answer, Question } from './asker.ts';

export type SealerQuestions = {
  /** An empty database; the one before it is closed. */
  readonly open: { readonly ask: DuckOptions; readonly answer: undefined };
  readonly rows: {
    readonly ask: { readonly sql: string };
    readonly answer: Awaited<ReturnType<Statements['rows']>>;
  };
  /** The statement that runs, if any, rejects. */
  readonly interrupt: { readonly ask: undefined; readonly answer: undefined };
  /** Its memory is given back. */
  readonly close: { readonly ask: undefined; readonly answer: undefined };
};

export type ToSealer = Question<SealerQuestions>;
export type FromSealer = Answer;
