/** A dashboard as it is changed: its name, its panels, their order and how they are shown. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { AskTwice } from '../kit/ask-twice.tsx';
import { counted } from '../kit/format.ts';
import type { OwnDashboard, Panel } from '../saved/dashboard-answers.ts';
import { DROP, PUT } from '../saved/dashboard-documents.ts';
import { NameField } from '../saved/name-field.tsx';
import { Refused } from '../server/quality.tsx';
import { useCommand } from '../server/use-command.ts';
import {
  type DashboardDraft,
  draftOf,
  forgetDraft,
  keepDraft,
  keptDraft,
  moved,
} from './dashboard-draft.ts';
import { PanelRow } from './panel-row.tsx';

export interface DashboardEditorProps {
  readonly dashboard: OwnDashboard;
  /** Somebody has saved or given up. */
  readonly close: () => void;
  readonly dropped: () => void;
}

export function DashboardEditor({ dashboard, close, dropped }: DashboardEditorProps) {
  const { id, name, shares } = dashboard;
  const { draft, set, forget } = useDraft(dashboard);
  const { run, isRunning, error, problems } = useCommand();
  const [said, setSaid] = useState('');
  const list = useFocusAfterMove(draft.panels);
  const leave = () => {
    forget();
    close();
  };
  const save = async (event: Event) => {
    event.preventDefault();
    if ((await run(PUT, { input: { id, ...draft } })) === undefined) return;
    leave();
  };
  const setPanels = (panels: readonly Panel[]) => set({ panels });
  const move = (panel: Panel, by: 1 | -1) => {
    const panels = moved(draft.panels, panel, by);
    list.focusAfter(panel, by);
    setPanels(panels);
    setSaid(`${panel.title} is number ${panels.indexOf(panel) + 1} of ${panels.length}`);
  };
  const isConflict = problems.some(({ path }) => path.endsWith('version'));
  return (
    <form class="section" aria-label={`Changing ${name}`} onSubmit={(event) => void save(event)}>
      <p class="choices">
        <NameField label="Name" value={draft.name} change={(value) => set({ name: value })} />
      </p>
      {draft.panels.length === 0 && <p>No panel is left.</p>}
      <ol class="panel-rows" ref={list.ref}>
        {draft.panels.map((panel, place) => (
          <PanelRow
            key={panel.id}
            panel={panel}
            isFirst={place === 0}
            isLast={place === draft.panels.length - 1}
            change={(next) => setPanels(draft.panels.map((each) => (each === panel ? next : each)))}
            move={(by) => move(panel, by)}
            remove={() => setPanels(draft.panels.filter((each) => each !== panel))}
          />
        ))}
      </ol>
      <p class="unseen" role="status">
        {said}
      </p>
      {error && <Refused error={error} />}
      {isConflict && (
        <p class="actions">
          <button type="button" onClick={leave}>
            Load the newer one, without these changes
          </button>
        </p>
      )}
      <p class="actions">
        <button type="submit" disabled={isRunning}>
          Save
        </button>{' '}
        <button type="button" onClick={leave}>
          Cancel
        </button>{' '}
        <AskTwice
          first="Drop dashboard"
          then={`Drop ${name} and end ${counted(shares?.length ?? 0, 'link')}`}
          isRunning={isRunning}
          run={async () => {
            if ((await run(DROP, { id })) === undefined) return;
            forget();
            dropped();
          }}
        />
      </p>
    </form>
  );
}

/** What was changed and not saved before is there again. */
function useDraft(dashboard: OwnDashboard) {
  const { id } = dashboard;
  const [draft, setDraft] = useState(() => keptDraft(id) ?? draftOf(dashboard));
  const set = (changes: Partial<DashboardDraft>) => {
    const next = { ...draft, ...changes };
    keepDraft(id, next);
    setDraft(next);
  };
  return { draft, set, forget: () => forgetDraft(id) };
}

/** Moving a row takes the focus from its button: it is given back, or to the other one where that leads no further. */
function useFocusAfterMove(panels: readonly Panel[]) {
  const ref = useRef<HTMLOListElement>(null);
  const last = useRef<{ readonly panel: string; readonly by: 1 | -1 }>(undefined);
  useLayoutEffect(() => {
    if (last.current === undefined) return;
    const { panel, by } = last.current;
    last.current = undefined;
    const row = `[data-panel="${CSS.escape(panel)}"]`;
    const same = `${row} [data-moves="${by}"]:enabled`;
    const other = `${row} [data-moves]:enabled`;
    const find = (selector: string) => ref.current?.querySelector<HTMLElement>(selector);
    (find(same) ?? find(other))?.focus();
  }, [panels]);
  const focusAfter = ({ id }: Panel, by: 1 | -1) => {
    last.current = { panel: id, by };
  };
  return { ref, focusAfter };
}
