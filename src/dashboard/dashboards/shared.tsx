/** A dashboard as its link shows it: without signing in, and without anything beside it. */
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { Caught } from '../kit/caught.tsx';
import { LostBanner } from '../kit/lost-banner.tsx';
import { ThemeSwitch } from '../kit/theme-switch.tsx';
import type { AnsweredDashboard } from '../saved/dashboard-answers.ts';
import { SHARED } from '../saved/dashboard-documents.ts';
import { dashboardAsRead } from '../saved/panel-as-read.ts';
import { type Server, ServerContext, useConnection } from '../server/connection.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { useNewest } from '../server/use-live.ts';
import { PanelGrid } from './panel-grid.tsx';
import { keyInFragment } from './shared-link.ts';

export function Shared() {
  const key = useKeyInAddress();
  if (key === undefined) {
    return <Nothing>This address is not whole: the link that you were given is longer.</Nothing>;
  }
  return <Opened key={key} secret={key} />;
}

/** A link that is opened in the place of another loads no page anew. */
function useKeyInAddress(): string | undefined {
  const [key, setKey] = useState(() => keyInFragment(location.hash));
  useEffect(() => {
    const changed = () => setKey(keyInFragment(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return key;
}

const Nothing = ({ children }: { children: string }) => (
  <main class="alone">
    <h1>Streamgauge</h1>
    <p role="alert" class="refused">
      {children}
    </p>
  </main>
);

function Opened({ secret }: { secret: string }) {
  const [isEnded, setIsEnded] = useState(false);
  const ended = useCallback(() => setIsEnded(true), []);
  const { server, isLost } = useConnection({ session: undefined, key: secret, ended });
  if (isEnded) {
    return (
      <Nothing>
        This link has ended, or is none of this server. Whoever has given it to you can make a new
        one.
      </Nothing>
    );
  }
  return (
    <ServerContext.Provider value={server}>
      <main id="content" class="shared">
        {isLost && <LostBanner />}
        <Caught what="This dashboard" occasion={secret}>
          <SharedDashboard ended={ended} />
        </Caught>
      </main>
    </ServerContext.Provider>
  );
}

interface Found {
  readonly sharedDashboard: AnsweredDashboard | null;
}

function SharedDashboard({ ended }: Pick<Server, 'ended'>) {
  const { data, error, again } = useNewest<Found>(SHARED, {});
  const dashboard = useMemo(
    () => data?.sharedDashboard && dashboardAsRead(data.sharedDashboard),
    [data],
  );
  useEffect(() => {
    if (dashboard === null) ended();
    if (dashboard != null) document.title = `${dashboard.name} – Streamgauge`;
  }, [dashboard, ended]);
  if (dashboard == null)
    return <Unanswered data={dashboard ?? undefined} error={error} again={again} />;
  return (
    <>
      <div class="bar">
        <h1>{dashboard.name}</h1>
        <ThemeSwitch />
      </div>
      {error && <Refused error={error} />}
      <PanelGrid dashboard={dashboard} go={undefined} />
    </>
  );
}
