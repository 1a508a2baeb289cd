/** What the cold thread and a process with DuckDB tell each other. */
import type {
  CopyQuestion,
  DuckLimits,
  DuckQuestion,
  ExportAnswer,
  SqlAnswer,
} from '../../actors/cold/questions.ts';
import type { Answer, Question } from './asker.ts';

export type DuckQuestions = {
  readonly run: {
    readonly ask: { readonly limits: DuckLimits; readonly question: DuckQuestion };
    readonly answer: SqlAnswer;
  };
  readonly parse: {
    readonly ask: { readonly limits: DuckLimits; readonly query: string };
    readonly answer: string;
  };
  /** Answered when all bytes have been written to `OUTPUT_FD`. */
  readonly copy: {
    readonly ask: { readonly limits: DuckLimits; readonly question: CopyQuestion };
    /** `bytes` counts from the start of the process. */
    readonly answer: ExportAnswer;
  };
};

/** Of the process, behind those that Node knows and the one for messages. */
export const OUTPUT_FD = 4;

export type ToDuck = Question<DuckQuestions>;
/** The first message says that it listens. */
export type FromDuck = Answer | { readonly type: 'listening' };
