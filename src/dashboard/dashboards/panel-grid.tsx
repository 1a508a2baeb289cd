/** The panels of a dashboard beside each other, on a phone below each other. */
import type { Address } from '../kit/address.ts';
import { Caught } from '../kit/caught.tsx';
import { Link } from '../kit/link.tsx';
import type { Dashboard, Panel } from '../saved/dashboard-answers.ts';
import { PanelCard } from './panel-card.tsx';

export interface PanelGridProps {
  readonly dashboard: Dashboard;
  /** Undefined: nothing leads away from here. */
  readonly go: Address['go'] | undefined;
}

export function PanelGrid({ dashboard: { id, version, panels }, go }: PanelGridProps) {
  if (panels.length === 0) {
    return (
      <p>
        It has no panel yet.
        {go && (
          <>
            {' '}
            Ask something in{' '}
            <Link path="/explore" go={go}>
              Explore
            </Link>
            , and "Save to dashboard" puts it here.
          </>
        )}
      </p>
    );
  }
  // The answers to a panel end when it is changed: with each version they are asked for anew.
  const card = (panel: Panel) => (
    <Caught key={`${panel.id} ${version}`} what={`The panel "${panel.title}"`} occasion={panel}>
      <PanelCard dashboard={id} panel={panel} go={go} />
    </Caught>
  );
  return (
    <div class="panel-grid">
      {inRows(panels).map((row) =>
        row.length === 1 ? (
          row.map(card)
        ) : (
          <div key={row[0]?.id} class="numbers">
            {row.map(card)}
          </div>
        ),
      )}
    </div>
  );
}

/** Numbers that follow each other share a row; all else is a row of its own, of which two may stand beside each other. */
function inRows(panels: readonly Panel[]): readonly (readonly Panel[])[] {
  const rows: Panel[][] = [];
  for (const panel of panels) {
    const last = rows.at(-1);
    if (panel.show === 'NUMBER' && last?.[0]?.show === 'NUMBER') last.push(panel);
    else rows.push([panel]);
  }
  return rows;
}
