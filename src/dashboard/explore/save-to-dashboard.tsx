/** The question of Explore, kept: as a panel of a dashboard that there is, or of a new one. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Address } from '../kit/address.ts';
import { RadioRow } from '../kit/radio-row.tsx';
import type { Question } from '../question/question.ts';
import { newId } from '../saved/by-chance.ts';
import {
  type AnsweredDashboard,
  PANELS_MAX,
  type Panel,
  type PanelShow,
} from '../saved/dashboard-answers.ts';
import { DASHBOARDS, type DashboardInput, type Made, PUT } from '../saved/dashboard-documents.ts';
import { dashboardPath } from '../saved/dashboard-path.ts';
import { NameField } from '../saved/name-field.tsx';
import { canShow, panelQuestionOf, SHOWS, titleOf } from '../saved/panel-question.ts';
import { usePage } from '../server/connection.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useAsk } from '../server/use-ask.ts';
import { useCommand } from '../server/use-command.ts';

export interface SaveToDashboardProps {
  readonly question: Question;
  /** Of its answer; undefined as long as there is none. */
  readonly stepMs: number | undefined;
  /** The address asks something that can be kept. */
  readonly isAsked: boolean;
  readonly go: Address['go'];
}

export function SaveToDashboard({ question, stepMs, isAsked, go }: SaveToDashboardProps) {
  const { session } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    if (isOpen) dialog.current?.showModal();
  }, [isOpen]);
  return (
    <>
      <button type="button" disabled={!isAsked} onClick={() => setIsOpen(true)}>
        Save to dashboard
      </button>
      {isOpen && (
        <dialog ref={dialog} aria-labelledby="save-title" onClose={() => setIsOpen(false)}>
          <h2 id="save-title">Save to dashboard</h2>
          {may(session, 'admin') ? (
            <PanelForm
              question={question}
              stepMs={stepMs}
              go={go}
              close={() => dialog.current?.close()}
            />
          ) : (
            <form method="dialog" class="save-panel">
              <p>To save it takes a key with scope "admin".</p>
              <p class="actions">
                <button type="submit">Close</button>
              </p>
            </form>
          )}
        </dialog>
      )}
    </>
  );
}

interface PanelFormProps extends Omit<SaveToDashboardProps, 'isAsked'> {
  readonly close: () => void;
}

/** The choice of a new one: no id is empty. */
const NEW = '';

function PanelForm({ question, stepMs, go, close }: PanelFormProps) {
  const { data, error, again } = useAsk<{ readonly dashboards: readonly AnsweredDashboard[] }>(
    DASHBOARDS,
  );
  const first = useRef<HTMLSelectElement>(null);
  const isThere = data !== undefined;
  useEffect(() => {
    if (isThere) first.current?.focus();
  }, [isThere]);
  // Somebody else may have changed it meanwhile: what it is now is asked for before the next attempt.
  const command = useCommand();
  const [chosen, setChosen] = useState<string>();
  const [madeId] = useState(newId);
  const [panelId] = useState(newId);
  const [name, setName] = useState('');
  const [title, setTitle] = useState(() => titleOf(question));
  const [show, setShow] = useState<PanelShow>(canShow(question, 'CHART') ? 'CHART' : 'TABLE');
  if (data === undefined) return <Unanswered data={data} error={error} again={again} />;
  const own = data.dashboards.filter(
    ({ builtIn, panels }) => !builtIn && panels.length < PANELS_MAX,
  );
  const id = chosen ?? own[0]?.id ?? NEW;
  const dashboard = own.find((each) => each.id === id);
  const save = async (event: Event) => {
    event.preventDefault();
    const panel = { id: panelId, title, show, question: panelQuestionOf(question, show, stepMs) };
    // There where an attempt has made it whose answer was not heard.
    const made = dashboard ?? own.find((each) => each.id === madeId);
    const input: DashboardInput = {
      id: made?.id ?? madeId,
      name: dashboard?.name ?? name,
      version: made?.version ?? 0,
      panels: withPanel(made?.panels ?? [], panel),
    };
    const put = await command.run<Made>(PUT, { input });
    if (put === undefined) again();
    else go(dashboardPath(put.dashboard.id));
  };
  return (
    <form class="save-panel" onSubmit={(event) => void save(event)}>
      <label>
        Dashboard
        <select
          ref={first}
          value={id}
          onChange={({ currentTarget }) => setChosen(currentTarget.value)}
        >
          {own.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
          <option value={NEW}>a new one</option>
        </select>
      </label>
      {dashboard === undefined && <NameField label="Its name" value={name} change={setName} />}
      <NameField label="Title of the panel" value={title} change={setTitle} />
      <RadioRow
        legend="Shown as"
        name="show"
        options={SHOWS.filter((each) => canShow(question, each.show)).map((each) => ({
          value: each.show,
          text: each.name,
          isChosen: each.show === show,
          choose: () => setShow(each.show),
        }))}
      />
      {command.error && <Refused error={command.error} />}
      <p class="actions">
        <button type="submit" disabled={command.isRunning}>
          Save
        </button>{' '}
        <button type="button" onClick={close}>
          Close
        </button>
      </p>
    </form>
  );
}

type AnsweredPanels = AnsweredDashboard['panels'];

/** Behind the others, which stay as they were read; once, also where an attempt has put it whose answer was not heard. */
const withPanel = (panels: AnsweredPanels, panel: Panel): AnsweredPanels => [
  ...panels.filter(({ id }) => id !== panel.id),
  panel,
];
