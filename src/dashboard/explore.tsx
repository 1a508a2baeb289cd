/** Any question about what came when: what is measured, of which events, beside what, over which time. All of it is in the address. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import type { Address } from './address.ts';
import type { StreamFields } from './answers.ts';
import { ExploreAnswer } from './explore-answer.tsx';
import { FilterChoice } from './filter-choice.tsx';
import { GroupChoice } from './group-choice.tsx';
import { useAsk, useRollups } from './hooks.ts';
import { isWriting } from './keys.tsx';
import { MeasureChoice } from './measure-choice.tsx';
import { streamsOf } from './panels.ts';
import { Refused } from './quality.tsx';
import { COMPARISONS, type Comparison, type Question, STEPS, zoomedOut } from './question.ts';
import { addressOf, questionOf } from './question-address.ts';
import { RangeChoice } from './range-choice.tsx';

const FIELDS = `query ($stream: String!) { fields(stream: $stream) { fields { name types { type } samples } } }`;

export function Explore({ address }: { address: Address }) {
  const { go, visit, parameters } = address;
  const given = parameters.toString();
  const { question, problems } = useMemo(() => questionOf(new URLSearchParams(given)), [given]);
  const { stream } = question;
  const rollups = useRollups();
  const fields = useAsk<{ readonly fields: StreamFields }>(FIELDS, { stream });
  const own = useMemo(
    () => rollups.data?.filter((rollup) => rollup.stream === stream) ?? [],
    [rollups.data, stream],
  );
  const names = fields.data?.fields.fields ?? [];
  const [isPaused, setIsPaused] = useState(false);
  const [shown, setShown] = useState<{ readonly from: number; readonly to: number }>();
  const isLive = 'last' in question.range;
  const ask = useCallback(
    (changes: Partial<Question>) => visit(addressOf({ ...question, ...changes })),
    [question, visit],
  );
  const pause = useCallback(() => setIsPaused((before) => !before), []);
  useKeys(pause);
  return (
    <>
      <div class="bar">
        <h1>Explore</h1>
        <label>
          Stream{' '}
          <select
            value={stream}
            onChange={({ currentTarget: { value } }) => go(`/explore${searchOf(value)}`)}
          >
            {[...new Set([...streamsOf(rollups.data ?? []), stream])].map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <RangeChoice question={question} choose={ask} />
        <span class="actions">
          <button
            type="button"
            class="plain"
            disabled={shown === undefined}
            onClick={() => shown && ask({ range: zoomedOut(shown, Date.now()) })}
          >
            Zoom out
          </button>
          {isLive && (
            <button type="button" class="plain" aria-pressed={isPaused} onClick={pause}>
              {isPaused ? 'Go on' : 'Pause'}
            </button>
          )}
        </span>
      </div>
      {problems.length > 0 && (
        <p role="alert" class="refused">
          The address asks nothing that can be answered: {problems.join('; ')}. Choose anew below.
        </p>
      )}
      {rollups.error && <Refused error={rollups.error} />}
      {fields.error && <Refused error={fields.error} />}
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

/** Of another stream nothing that was asked for need be there. */
const searchOf = (stream: string): string =>
  stream === 'events' ? '' : `?${new URLSearchParams({ stream })}`;

/** Space pauses and goes on, `/` leads to the filter. */
function useKeys(pause: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      if (event.key === ' ' && !isPressed(event.target)) pause();
      else if (event.key === '/') document.querySelector<HTMLElement>('#filter-field')?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [pause]);
}

/** What space presses by itself. */
const isPressed = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && /^(BUTTON|SUMMARY|A)$/.test(target.tagName);
