/** The panels of a dashboard beside each other, on a phone below each other. */
import type { Address } from './address.ts';
import type { Dashboard } from './dashboard-answers.ts';
import { Link } from './link.tsx';
import { PanelCard } from './panel-card.tsx';

export interface PanelGridProps {
  readonly dashboard: Dashboard;
  /** Undefined: nothing leads away from here. */
  readonly go: Address['go'] | undefined;
  /** It is another one by now. */
  readonly changed: () => void;
}

export function PanelGrid({ dashboard: { id, version, panels }, go, changed }: PanelGridProps) {
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
  return (
    <div class="panel-grid">
      {panels.map((panel) => (
        <PanelCard
          key={`${panel.id} ${version}`}
          dashboard={id}
          panel={panel}
          go={go}
          changed={changed}
        />
      ))}
    </div>
  );
}
