/** A panel as it is changed: its title, how it is shown, its place. What it asks is changed in Explore. */
import type { Panel, PanelShow } from '../saved/dashboard-answers.ts';
import { NameField } from '../saved/name-field.tsx';
import {
  canShow,
  questionOfPanel,
  rangeInWords,
  SHOWS,
  shownAs,
  titleOf,
} from '../saved/panel-question.ts';

export interface PanelRowProps {
  readonly panel: Panel;
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly change: (panel: Panel) => void;
  readonly move: (by: 1 | -1) => void;
  readonly remove: () => void;
}

const MOVES = [
  { by: -1, name: 'Up' },
  { by: 1, name: 'Down' },
] as const;

export function PanelRow({ panel, isFirst, isLast, change, move, remove }: PanelRowProps) {
  const { id, title, show, question } = panel;
  const asked = questionOfPanel(question);
  return (
    <li data-panel={id}>
      <div class="choices">
        <NameField
          label="Title"
          value={title}
          change={(value) => change({ ...panel, title: value })}
        />
        <label>
          Shown as
          <select
            value={show}
            onChange={({ currentTarget }) => {
              const next = currentTarget.value as PanelShow;
              change({ ...panel, show: next, question: shownAs(question, next) });
            }}
          >
            {SHOWS.map((each) => (
              <option key={each.show} value={each.show} disabled={!canShow(asked, each.show)}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
        {MOVES.map(({ by, name }) => (
          <button
            key={name}
            type="button"
            data-moves={by}
            disabled={by === -1 ? isFirst : isLast}
            onClick={() => move(by)}
          >
            {name}
            <span class="unseen"> {title}</span>
          </button>
        ))}
        <button type="button" onClick={remove}>
          Remove<span class="unseen"> {title}</span>
        </button>
      </div>
      <p class="quiet">
        {titleOf(asked)} · {rangeInWords(question)}
      </p>
    </li>
  );
}
