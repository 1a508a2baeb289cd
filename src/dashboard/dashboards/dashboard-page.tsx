/** One saved dashboard, live; how it is changed, and who else may see it. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { type Address, pathOf } from '../kit/address.ts';
import { Link } from '../kit/link.tsx';
import { newId } from '../saved/by-chance.ts';
import {
  type AnsweredDashboard,
  NAME_CHARS_MAX,
  type OwnDashboard,
} from '../saved/dashboard-answers.ts';
import { DASHBOARD, type DashboardInput, type Made, PUT } from '../saved/dashboard-documents.ts';
import { dashboardAsRead } from '../saved/panel-as-read.ts';
import { usePage } from '../server/connection.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useCommand } from '../server/use-command.ts';
import { useNewest } from '../server/use-live.ts';
import { keptDraft } from './dashboard-draft.ts';
import { DashboardEditor } from './dashboard-editor.tsx';
import { PanelGrid } from './panel-grid.tsx';
import { SharesSection } from './shares-section.tsx';

export interface DashboardPageProps {
  readonly id: string;
  readonly address: Address;
}

interface Found {
  readonly dashboard: AnsweredDashboard<OwnDashboard> | null;
}

export function DashboardPage({ id, address }: DashboardPageProps) {
  const { data, error, again } = useNewest<Found>(DASHBOARD, { id });
  const dashboard = useMemo(() => data?.dashboard && dashboardAsRead(data.dashboard), [data]);
  if (dashboard == null) {
    return (
      <>
        <Unanswered data={data} error={error} again={again} />
        {data !== undefined && (
          <p role="alert" class="refused">
            There is no dashboard "{id}". It may have been dropped.
          </p>
        )}
        <p>
          <Link path="/dashboards" go={address.go}>
            All dashboards
          </Link>
        </p>
      </>
    );
  }
  return (
    <>
      {error && <Refused error={error} />}
      <Opened dashboard={dashboard} address={address} changed={again} />
    </>
  );
}

interface OpenedProps {
  readonly dashboard: OwnDashboard;
  readonly address: Address;
  /** Asks for it anew. */
  readonly changed: () => void;
}

function Opened({ dashboard, address, changed }: OpenedProps) {
  const { session } = usePage();
  const { id, name, builtIn, shares } = dashboard;
  const { go, visit, parameters } = address;
  const doing = parameters.get('do');
  const mayChange = may(session, 'admin');
  const isEdited = doing === 'edit' && mayChange && !builtIn;
  useEffect(() => {
    const ofView = document.title;
    document.title = `${name} – Streamgauge`;
    return () => {
      document.title = ofView;
    };
  }, [name]);
  const toggle = (what: string) => visit({ do: doing === what ? undefined : what });
  return (
    <>
      <div class="bar">
        <h1>{name}</h1>
        {builtIn && <span class="quiet">built in</span>}
        <Link path="/dashboards" go={go}>
          All dashboards
        </Link>
        <span class="actions">
          {mayChange && !builtIn && (
            <button type="button" aria-pressed={isEdited} onClick={() => toggle('edit')}>
              Edit
            </button>
          )}
          {mayChange && builtIn && <CopyToEdit dashboard={dashboard} go={go} />}
          {shares !== null && (
            <button type="button" aria-pressed={doing === 'share'} onClick={() => toggle('share')}>
              Share
            </button>
          )}
        </span>
      </div>
      {!mayChange && <p class="quiet">To change or to share it takes a key with scope "admin".</p>}
      {!isEdited && keptDraft(id) && (
        <p role="status" class="banner">
          It has changes that are not saved: "Edit" shows them.
        </p>
      )}
      {doing === 'share' && shares !== null && <SharesSection dashboard={id} shares={shares} />}
      {isEdited ? (
        <DashboardEditor
          dashboard={dashboard}
          close={() => {
            // What was there before is not shown once more until the news comes.
            changed();
            visit({ do: undefined });
          }}
          dropped={() => go('/dashboards')}
        />
      ) : (
        <PanelGrid dashboard={dashboard} go={go} />
      )}
    </>
  );
}

interface CopyToEditProps {
  readonly dashboard: OwnDashboard;
  readonly go: Address['go'];
}

/** The server's own stays as it is. */
function CopyToEdit({ dashboard: { name, panels }, go }: CopyToEditProps) {
  const { run, isRunning, error } = useCommand();
  const [id] = useState(newId);
  const copy = async () => {
    const copied = `${name} (copy)`.slice(0, NAME_CHARS_MAX);
    const input: DashboardInput = { id, name: copied, panels, version: 0 };
    const made = await run<Made>(PUT, { input });
    if (made !== undefined) go(pathOf('/dashboards', { id: made.dashboard.id, do: 'edit' }));
  };
  return (
    <>
      <button type="button" disabled={isRunning} onClick={() => void copy()}>
        Copy to edit
      </button>
      {error && <Refused error={error} />}
    </>
  );
}
