/** What the cold thread and a process with DuckDB tell each other. */
import type { DuckLimits, DuckQuestion, SqlAnswer } from '../../actors/cold/questions.ts';
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
};

export type ToDuck = Question<DuckQuestions>;
/** The first message says that it listens. */
export type FromDuck = Answer | { readonly type: 'listening' };
