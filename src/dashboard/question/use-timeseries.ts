/** A question over time, and its answer as it changes. */

import { foldTimeseries, type LiveAnswer } from '../server/live-answer.ts';
import type { Askable } from '../server/use-ask.ts';
import { useLive } from '../server/use-live.ts';
import type { TimeseriesVariables } from './question.ts';
import { LIVE } from './timeseries-document.ts';

/** Undefined variables: nothing is asked. */
export const useTimeseries = (variables: TimeseriesVariables | undefined): Askable<LiveAnswer> =>
  useLive(LIVE, variables, foldTimeseries);
