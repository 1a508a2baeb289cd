/** The answer to a panel's question: live where its range ends now and a rollup answers, else as of when it was asked. */
import { useMemo, useRef } from 'preact/hooks';
import {
  type AnsweredOnce,
  type BesideAnswer,
  BY_ROLLUP,
  comparedOf,
  type Explored,
  NOT_LIVE,
} from '../chart/explored.ts';
import type { Panel } from '../saved/dashboard-answers.ts';
import { PANEL, PANEL_BESIDE, PANEL_ENTRIES } from '../saved/dashboard-documents.ts';
import { endsNow } from '../saved/panel-question.ts';
import type { TimeseriesUpdate } from '../server/answers.ts';
import type { AskError } from '../server/graph.ts';
import { applyUpdate, type LiveAnswer } from '../server/live-answer.ts';
import { useAsk, useAskOn } from '../server/use-ask.ts';
import { useLive } from '../server/use-live.ts';

export interface PanelAnswer {
  readonly answer: Explored | undefined;
  readonly error: AskError | undefined;
  /** Asks anew. */
  readonly again: () => void;
  /** Its range ends now, and nobody keeps it up to date. */
  readonly isOfThen: boolean;
}

const foldPanel = (
  before: LiveAnswer | undefined,
  { panel }: { readonly panel: TimeseriesUpdate },
): LiveAnswer | undefined => applyUpdate(before, panel);

/** Only what is seen is asked for; what was answered before stays. */
export function usePanel(dashboard: string, { id, question }: Panel, isSeen: boolean): PanelAnswer {
  const variables = { dashboard, panel: id };
  const documents = question.measures.some(({ op }) => op === 'top') ? PANEL_ENTRIES : PANEL;
  const isMoving = endsNow(question);
  // What nobody keeps up to date is asked once, and not again whenever it comes into sight.
  const isOnce = useRef(!isMoving);
  const wasSeen = useRef(false);
  wasSeen.current ||= isSeen;
  const isLive = isSeen && !isOnce.current;
  const live = useLive(documents.live, isLive ? variables : undefined, foldPanel);
  isOnce.current ||= live.data === undefined && live.error?.code === NOT_LIVE;
  const once = useAsk<{ readonly panel: AnsweredOnce }>(
    documents.once,
    isOnce.current && wasSeen.current ? variables : null,
  );
  const newest = useMemo(
    () => (isOnce.current ? once.data?.panel : live.data && { ...live.data, ...BY_ROLLUP }),
    [isOnce.current, once.data, live.data],
  );
  const beside = useAskOn<{ readonly panel: BesideAnswer }>(
    newest?.from,
    PANEL_BESIDE,
    question.compare === undefined || newest === undefined ? null : variables,
  );
  const answer = useMemo(
    () => newest && { ...newest, compared: beside.data && comparedOf(beside.data.panel) },
    [newest, beside.data],
  );
  const held = useRef(answer);
  if (answer !== undefined) held.current = answer;
  const asked = isOnce.current ? once : live;
  const { error, again } = asked.error === undefined && beside.error !== undefined ? beside : asked;
  return { answer: held.current, error, again, isOfThen: isOnce.current && isMoving };
}
