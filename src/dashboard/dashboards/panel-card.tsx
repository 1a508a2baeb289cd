/** A panel of a dashboard: its title, its answer as a chart, a table or a number, and how good that is. */
import { useId, useMemo } from 'preact/hooks';
import { looks, PictureChart } from '../chart/charts.tsx';
import { type Explored, picturesOf } from '../chart/explored.ts';
import { type Address, pathOf } from '../kit/address.ts';
import { NotLive } from '../kit/as-of.tsx';
import { Link } from '../kit/link.tsx';
import { addressOf } from '../question/question-address.ts';
import { exactnessOf } from '../question/words.ts';
import type { Panel } from '../saved/dashboard-answers.ts';
import { exploreRange, questionOfPanel, rangeInWords } from '../saved/panel-question.ts';
import { BesideQuality, FirstOf, QualityLine, Unanswered } from '../server/quality.tsx';
import { PanelNumber } from './panel-number.tsx';
import { PanelTable } from './panel-table.tsx';
import { usePanel } from './use-panel.ts';
import { useSeen } from './use-seen.ts';

export interface PanelCardProps {
  readonly dashboard: string;
  readonly panel: Panel;
  /** Undefined: nothing leads away from here. */
  readonly go: Address['go'] | undefined;
}

export function PanelCard({ dashboard, panel, go }: PanelCardProps) {
  const { title, question } = panel;
  const { ref, isSeen } = useSeen<HTMLElement>();
  const { answer, error, again, isOfThen } = usePanel(dashboard, panel, isSeen);
  const titleId = useId();
  const range = rangeInWords(question);
  return (
    <section ref={ref} class="panel" aria-labelledby={titleId}>
      <header class="panel-head">
        <h2 id={titleId}>{title}</h2>
        <span class="quiet">{range}</span>
      </header>
      <Unanswered data={answer} error={error} again={again} />
      {answer && <Answer panel={panel} answer={answer} go={go} />}
      <footer class="panel-foot">
        {answer && (
          <HowGood
            panel={panel}
            answer={answer}
            range={range}
            again={isOfThen ? again : undefined}
          />
        )}
        {go && (answer || exploreRange(question)) && (
          <span class="quiet">
            <Link path={pathOf('/explore', addressOf(questionOfPanel(question, answer)))} go={go}>
              Open in Explore
            </Link>
          </span>
        )}
      </footer>
    </section>
  );
}

interface HowGoodProps {
  readonly panel: Panel;
  readonly answer: Explored;
  readonly range: string;
  /** Undefined: it is live, or of a range that is over. */
  readonly again: (() => void) | undefined;
}

function HowGood({ panel: { show }, answer, range, again }: HowGoodProps) {
  const isChart = show === 'CHART';
  return (
    <div>
      <QualityLine
        answer={answer}
        of={isChart ? undefined : range}
        exactness={isChart ? exactnessOf(answer) : undefined}
        isBrief={show === 'NUMBER'}
      />
      {answer.compared && isChart && (
        <BesideQuality compared={answer.compared} timeZone={undefined} />
      )}
      {again && <NotLive answer={answer} again={again} />}
      {answer.note !== null && (
        <details class="quiet">
          <summary>Why from the events</summary>
          {answer.note}
        </details>
      )}
    </div>
  );
}

interface AnswerProps {
  readonly panel: Panel;
  readonly answer: Explored;
  readonly go: Address['go'] | undefined;
}

function Answer({ panel: { show, question }, answer, go }: AnswerProps) {
  switch (show) {
    case 'CHART':
      return <PanelChart kept={question} answer={answer} go={go} />;
    case 'TABLE':
      return <PanelTable kept={question} answer={answer} />;
    case 'NUMBER':
      return <PanelNumber kept={question} answer={answer} />;
  }
}

interface PanelChartProps extends Omit<AnswerProps, 'panel'> {
  readonly kept: Panel['question'];
}

function PanelChart({ kept, answer, go }: PanelChartProps) {
  const question = useMemo(() => questionOfPanel(kept), [kept]);
  const pictures = useMemo(() => picturesOf(answer, question, looks), [answer, question]);
  const { series, seriesFound } = answer;
  if (series.length === 0) return <p>No events in this range.</p>;
  return (
    <>
      {pictures.map((picture) => (
        <div key={picture.title}>
          {pictures.length > 1 && <h3>{picture.title}</h3>}
          <PictureChart picture={picture} answer={answer} question={question} go={go} />
        </div>
      ))}
      <FirstOf shown={series.length} found={seriesFound} />
    </>
  );
}
