/** A question over time, and its answer as it changes. */
import { type Answered, useLive } from '../server/hooks.ts';
import { foldTimeseries, type LiveAnswer } from '../server/live-answer.ts';
import type { TimeseriesVariables } from './question.ts';
import { LIVE } from './timeseries-document.ts';

/** Undefined variables: nothing is asked. */
export const useTimeseries = (variables: TimeseriesVariables | undefined): Answered<LiveAnswer> =>
  useLive(LIVE, variables, foldTimeseries);
