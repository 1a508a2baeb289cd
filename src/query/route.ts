/** Who answers a question: a rollup, or segments where none can, none has seen enough, or they were asked for. */
import { AppError, FAULT, toldOf } from '../model/errors.ts';
import { type RollupDefinition, shownName } from '../model/rollup.ts';
import { isSessionStream } from '../model/session.ts';
import type { TimeseriesAnswer, TimeseriesSource } from './answer.ts';
import type { AnswerPlan } from './explanation.ts';
import type { Plan } from './plan.ts';
import type { TimeseriesRequest } from './request.ts';

/** What answers where no rollup does. */
export interface SegmentQueries {
  /** `note` says why no rollup does. */
  timeseries(
    request: TimeseriesRequest,
    note: string | null,
    after: string | undefined,
  ): Promise<TimeseriesAnswer>;
  /** What that would read; rejects as it would. */
  explain(request: TimeseriesRequest, note: string | null): Promise<AnswerPlan>;
  /** Since when the rollup counts, if that is later than `fromMs` and events of before are archived. */
  lacksBeforeMs(
    tenant: string,
    rollup: RollupDefinition,
    fromMs: number,
  ): Promise<number | undefined>;
}

export interface Question {
  readonly tenant: string;
  readonly stream: string;
  /** In words why no rollup can answer. */
  readonly plan: Plan | string;
  readonly source: TimeseriesSource | undefined;
  /** Undefined where there is no archive. */
  readonly segments: SegmentQueries | undefined;
}

/** What is done with a question, by whom it is done. */
export interface Ways<T> {
  rollup(plan: Plan): Promise<T>;
  segments(segments: SegmentQueries, note: string | null): Promise<T>;
}

/** Rejects with `query_invalid` if nobody can. */
export async function route<T extends { readonly note: string | null }>(
  { tenant, stream, plan, source, segments: all }: Question,
  ways: Ways<T>,
): Promise<T> {
  const areSessions = isSessionStream(stream);
  const segments = source === 'ROLLUP' || areSessions ? undefined : all;
  const noSegments = areSessions ? SESSIONS_ONLY : NO_SEGMENTS;
  if (typeof plan === 'string') {
    if (segments !== undefined) return ways.segments(segments, plan);
    throw new AppError('query_invalid', source === 'SEGMENTS' ? noSegments : plan);
  }
  if (source === 'SEGMENTS') {
    if (segments === undefined) throw new AppError('query_invalid', noSegments);
    return ways.segments(segments, null);
  }
  const { rollup, fromMs } = plan;
  const sinceMs = await segments?.lacksBeforeMs(tenant, rollup, fromMs);
  if (segments === undefined || sinceMs === undefined) return ways.rollup(plan);
  const note = `"${shownName(rollup.name)}" counts since ${new Date(sinceMs).toISOString()}`;
  try {
    // It has not seen what is asked for, and they have: they answer if they can.
    return await ways.segments(segments, note);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const done = await ways.rollup(plan);
    const reason = toldOf(error) ?? FAULT[error.code].meaning;
    return { ...done, note: `${note}, and events of before are not read: ${reason}` };
  }
}

const SESSIONS_ONLY =
  'sessions are in rollups only, as segments hold events: ask without a source, or for "ROLLUP"';
const NO_SEGMENTS =
  'this server keeps no segments, because it has no archive: set "archive.enabled"';
