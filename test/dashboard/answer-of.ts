/** Answers as the tests of charts make them. */
import type { Explored } from '../../src/dashboard/chart/explored.ts';
import type { Question } from '../../src/dashboard/question/question.ts';
import { questionOf } from '../../src/dashboard/question/question-address.ts';

export const QUESTION: Question = questionOf(new URLSearchParams()).question;
export const value = (number: number | null, errorBound = 0) => ({ value: number, errorBound });
export const point = (t: number, ...values: ReturnType<typeof value>[]) => ({
  t,
  end: t + 10,
  values,
});
export const label = (name: string) => [{ name: 'country', value: name }];
export const answerOf = (fields: Partial<Explored>): Explored => ({
  ...{ from: 0, to: 20, stepMs: 10, rollup: 'r', watermark: 20, restated: false },
  ...{ missingPartitions: [], seriesFound: 1, names: [], source: 'ROLLUP', note: null },
  ...{ series: [], compared: undefined },
  ...fields,
});
