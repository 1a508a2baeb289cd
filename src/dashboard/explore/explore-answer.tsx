/** The answer to a question of Explore: live where the range ends now and a rollup answers, else as of when it was asked. */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { Charts } from '../chart/charts.tsx';
import {
  type AnsweredOnce,
  type BesideAnswer,
  BY_ROLLUP,
  comparedOf,
  type Explored,
  NOT_LIVE,
} from '../chart/explored.ts';
import type { Address } from '../kit/address.ts';
import { NotLive } from '../kit/as-of.tsx';
import { Behind, useHeld } from '../kit/pause.tsx';
import { type AskedRange, lineVariablesOf, type Question } from '../question/question.ts';
import { BESIDE, ONCE } from '../question/timeseries-document.ts';
import { useTimeseries } from '../question/use-timeseries.ts';
import { exactnessOf } from '../question/words.ts';
import type { AskError } from '../server/graph.ts';
import type { LiveAnswer } from '../server/live-answer.ts';
import { BesideQuality, QualityLine, Refused, Waiting } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';
import { CopyAs } from './copy-as.tsx';
import { TopTable } from './top-table.tsx';

export interface AnsweredRange extends Pick<LiveAnswer, 'from' | 'to' | 'stepMs'> {
  readonly isLive: boolean;
}

export interface ExploreAnswerProps {
  readonly question: Question;
  readonly isPaused: boolean;
  readonly zoom: (range: AskedRange) => void;
  readonly go: Address['go'];
  /** Which time is answered, and in which steps. */
  readonly told: (answered: AnsweredRange) => void;
}

export const ExploreAnswer = (props: ExploreAnswerProps) =>
  'last' in props.question.range ? <Live {...props} /> : <Once {...props} />;

function Live(props: ExploreAnswerProps) {
  const { question } = props;
  const live = useTimeseries(lineVariablesOf(question));
  const beside = useBeside(question, live.data);
  const answer = useMemo(
    () => live.data && { ...live.data, ...BY_ROLLUP, compared: beside.data },
    [live.data, beside.data],
  );
  if (live.data === undefined && live.error?.code === NOT_LIVE) return <Once {...props} />;
  return (
    <Shown
      {...props}
      answer={answer}
      error={live.error ?? beside.error}
      again={live.error ? live.again : beside.again}
      isLive
    />
  );
}

function Once(props: ExploreAnswerProps) {
  const { question } = props;
  const { data, error, again } = useAsk<{ readonly timeseries: AnsweredOnce }>(
    ONCE,
    lineVariablesOf(question),
  );
  const beside = useBeside(question, data?.timeseries);
  const answer = useMemo(
    () => data && { ...data.timeseries, compared: beside.data },
    [data, beside.data],
  );
  return (
    <Shown
      {...props}
      answer={answer}
      error={error ?? beside.error}
      again={error ? again : beside.again}
      isLive={false}
      isPaused={false}
    >
      {'last' in question.range && data !== undefined && <NotLive answer={data} again={again} />}
    </Shown>
  );
}

/** What stands beside it: asked as often as the range has moved on by a step. */
function useBeside(question: Question, answer: LiveAnswer | undefined) {
  const { compare } = question;
  const { last: _, ...variables } = lineVariablesOf(question);
  const { data, ...asked } = useAsk<{ readonly timeseries: BesideAnswer }>(
    BESIDE,
    compare === undefined || answer === undefined
      ? null
      : { ...variables, from: answer.from, to: answer.to, step: `${answer.stepMs}ms`, compare },
  );
  const compared = useMemo(() => data && comparedOf(data.timeseries), [data]);
  return { ...asked, data: compared };
}

interface ShownProps extends ExploreAnswerProps {
  readonly answer: Explored | undefined;
  readonly error: AskError | undefined;
  readonly again: () => void;
  readonly isLive: boolean;
  readonly children?: ComponentChildren;
}

function Shown({ answer: newest, error, again, isLive, children, ...props }: ShownProps) {
  const { question, isPaused, zoom, go, told } = props;
  const answer = useHeld(newest, isPaused);
  useEffect(() => {
    if (answer === undefined) return;
    const { from, to, stepMs } = answer;
    told({ from, to, stepMs, isLive });
  }, [answer?.from, answer?.to, answer?.stepMs, isLive, told]);
  const { timeZone } = question;
  return (
    <div class="answer">
      {error && <Refused error={error} again={again} />}
      {children}
      {answer === undefined && error === undefined && <Waiting />}
      {answer && newest && isPaused && isLive && (
        <Behind shownTo={answer.to} newestTo={newest.to} timeZone={timeZone} />
      )}
      {answer && (
        <>
          <Charts answer={answer} question={question} zoom={zoom} go={go} />
          <QualityLine answer={answer} exactness={exactnessOf(answer)} timeZone={timeZone} />
          {answer.compared && <BesideQuality compared={answer.compared} timeZone={timeZone} />}
          {answer.note !== null && <p class="quiet">{answer.note}</p>}
          {question.measures
            .filter(({ op, field }) => op === 'top' && field !== undefined)
            .map((measure) => (
              <TopTable
                key={JSON.stringify(measure)}
                measure={measure}
                question={question}
                answer={answer}
                isLive={isLive}
                isPaused={isPaused}
              />
            ))}
        </>
      )}
      <CopyAs question={question} answer={answer} />
    </div>
  );
}
