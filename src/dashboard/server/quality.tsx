/** How good an answer is, said beside it: how fresh, in which steps, what is missing. */
import { clockTime, counted, moment, shortLength, wholeMoment } from '../kit/format.ts';
import type { AskError } from './graph.ts';
import type { LiveAnswer } from './live-answer.ts';
import type { Askable } from './use-ask.ts';

export interface QualityProps {
  readonly answer: LiveAnswer;
  /** The time that its figures are of; default: they are steps. */
  readonly of?: string | undefined;
  /** How far the numbers may be off. */
  readonly exactness?: string | undefined;
  /** There is little room: of steps and rollup the title tells. */
  readonly isBrief?: boolean;
  /** Whose clock shows the times; default: the viewer's. */
  readonly timeZone?: string | undefined;
}

export function QualityLine({ answer, of, exactness, isBrief, timeZone }: QualityProps) {
  const { watermark, stepMs, rollup, restated, missingPartitions } = answer;
  const by = rollup === null ? 'from the events themselves' : `of rollup ${rollup}`;
  const source = `${of ?? `${shortLength(stepMs)} steps`} ${by}`;
  return (
    <p class="quality quiet" title={isBrief ? source : undefined}>
      {watermark === null ? (
        rollup === null ? (
          'All that is committed'
        ) : (
          'No event is counted yet'
        )
      ) : (
        <span title={wholeMoment(watermark, timeZone)}>
          Complete to {clockTime(watermark, timeZone)}
        </span>
      )}
      {!isBrief && ` · ${source}`}
      {exactness !== undefined && ` · ${exactness}`}
      {timeZone !== undefined && ` · on the clock of ${timeZone}`}
      {restated && ' · late events have changed steps that were complete'}
      {missingPartitions.length > 0 && (
        <strong>
          {' '}
          · partitions {missingPartitions.join(', ')} do not answer: what they have not committed is
          missing
        </strong>
      )}
    </p>
  );
}

export interface BesideQualityProps {
  readonly compared: {
    readonly from: number;
    readonly to: number;
    readonly restated: boolean;
    readonly missingPartitions: readonly number[];
  };
  readonly timeZone: string | undefined;
}

/** Of an earlier time that stands beside: which, and how good. */
export function BesideQuality({ compared, timeZone }: BesideQualityProps) {
  const { from, to, restated, missingPartitions } = compared;
  const [begin, end] = [from, to].map((ms) => moment(ms, Date.now(), timeZone));
  return (
    <p class="quality quiet">
      Dotted: {begin} – {end}
      {restated && ' · restated by late events'}
      {missingPartitions.length > 0 && (
        <strong> · partitions {missingPartitions.join(', ')} do not answer</strong>
      )}
    </p>
  );
}

/** Where there are more series than are shown. */
export const FirstOf = ({ shown, found }: { shown: number; found: number }) =>
  found > shown ? (
    <p class="quiet">
      The first {shown} of {counted(found, 'series', 'series')}.
    </p>
  ) : null;

export interface RefusedProps {
  readonly error: AskError;
  /** Asks anew. */
  readonly again?: (() => void) | undefined;
}

/** Why there is no answer, in the server's own words. */
export const Refused = ({ error, again }: RefusedProps) => (
  <p role="alert" class="refused">
    {error.message} <span class="quiet">({error.code})</span>{' '}
    {again && (
      <button type="button" class="plain" onClick={again}>
        Ask again
      </button>
    )}
  </p>
);

/** Not an empty chart: nothing is known yet, which is something else than nothing there. */
export const Waiting = () => (
  <p class="waiting quiet" aria-busy="true">
    Asking the server…
  </p>
);

/** Instead of an answer that is not there, and above an older one that could not be asked anew. */
export const Unanswered = ({ data, error, again }: Askable<unknown>) => (
  <>
    {error && <Refused error={error} again={data === undefined ? again : undefined} />}
    {data === undefined && error === undefined && <Waiting />}
  </>
);
