/** Any question about what came when: what is measured, of which events, beside what, over which time. All of it is in the address. */
import { useCallback, useMemo, useState } from 'preact/hooks';
import { type Address, pathOf } from '../kit/address.ts';
import { PauseButton, usePause } from '../kit/pause.tsx';
import {
  COMPARISONS,
  type Comparison,
  type Question,
  STEPS,
  zoomedOut,
} from '../question/question.ts';
import { addressOf, questionOf } from '../question/question-address.ts';
import { StreamChoice } from '../question/stream-choice.tsx';
import { useStreams } from '../question/use-streams.ts';
import { useRollups, useStreamFields } from '../server/known.ts';
import { Refused } from '../server/quality.tsx';
import { type AnsweredRange, ExploreAnswer } from './explore-answer.tsx';
import { FilterChoice } from './filter-choice.tsx';
import { GroupChoice } from './group-choice.tsx';
import { MeasureChoice } from './measure-choice.tsx';
import { RangeChoice } from './range-choice.tsx';
import { SaveToDashboard } from './save-to-dashboard.tsx';

export function Explore({ address }: { address: Address }) {
  const { go, visit, parameters } = address;
  const given = parameters.toString();
  const { question, problems } = useMemo(() => questionOf(new URLSearchParams(given)), [given]);
  const { stream } = question;
  const rollups = useRollups();
  const fields = useStreamFields(stream);
  const own = useMemo(
    () => rollups.data?.filter((rollup) => rollup.stream === stream) ?? [],
    [rollups.data, stream],
  );
  const streams = useStreams(rollups.data);
  const names = fields.data ?? [];
  const { isPaused, toggle } = usePause();
  const [shown, setShown] = useState<AnsweredRange>();
  // Until it is answered nobody knows.
  const isLive = 'last' in question.range && shown?.isLive !== false;
  const ask = useCallback(
    (changes: Partial<Question>) => visit(addressOf({ ...question, ...changes })),
    [question, visit],
  );
  return (
    <>
      <div class="bar">
        <h1>Explore</h1>
        {/* Of another stream nothing that was asked for need be there. */}
        <StreamChoice
          stream={stream}
          streams={streams}
          choose={(next) =>
            go(pathOf('/explore', { stream: next === 'events' ? undefined : next }))
          }
        />
        <RangeChoice question={question} choose={ask} />
        <span class="actions">
          <button
            type="button"
            disabled={shown === undefined}
            onClick={() => shown && ask({ range: zoomedOut(shown, Date.now()) })}
          >
            Zoom out
          </button>
          {isLive && <PauseButton isPaused={isPaused} toggle={toggle} />}
          <SaveToDashboard
            question={question}
            stepMs={shown?.stepMs}
            isAsked={problems.length === 0}
            go={go}
          />
        </span>
      </div>
      {problems.length > 0 && (
        <p role="alert" class="refused">
          The address asks nothing that can be answered: {problems.join('; ')}. Choose anew below.
        </p>
      )}
      {rollups.error && <Refused error={rollups.error} again={rollups.again} />}
      {fields.error && <Refused error={fields.error} again={fields.again} />}
      <div class="question">
        <MeasureChoice
          measures={question.measures}
          rollups={own}
          fields={names}
          choose={(measures) => ask({ measures })}
        />
        <FilterChoice
          conditions={question.conditions}
          rollups={own}
          fields={names}
          choose={(conditions) => ask({ conditions })}
        />
        <div class="asides">
          <GroupChoice
            groupBy={question.groupBy}
            rollups={own}
            fields={names}
            choose={(groupBy) => ask({ groupBy })}
          />
          <BesideAndStep question={question} ask={ask} />
        </div>
      </div>
      {problems.length === 0 && (
        <ExploreAnswer
          key={given}
          question={question}
          isPaused={isPaused && isLive}
          zoom={(range) => ask({ range })}
          go={go}
          told={setShown}
        />
      )}
    </>
  );
}

interface BesideAndStepProps {
  readonly question: Question;
  readonly ask: (changes: Partial<Question>) => void;
}

function BesideAndStep({ question: { compare, step }, ask }: BesideAndStepProps) {
  return (
    <>
      <label>
        Compare with{' '}
        <select
          value={compare ?? ''}
          onChange={({ currentTarget: { value } }) =>
            ask({ compare: value === '' ? undefined : (value as Comparison) })
          }
        >
          <option value="">nothing</option>
          {Object.entries(COMPARISONS).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label>
        Step{' '}
        <select
          value={step ?? ''}
          onChange={({ currentTarget: { value } }) => ask({ step: value || undefined })}
        >
          <option value="">by the range</option>
          {[...new Set([...STEPS, ...(step === undefined ? [] : [step])])].map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
    </>
  );
}
