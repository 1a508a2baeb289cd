/** The frame: who is signed in, where one is, and whether the server is heard. */
import { useCallback, useEffect, useState } from 'preact/hooks';
import { Alarms } from '../alarms/alarms.tsx';
import { Dashboards } from '../dashboards/dashboards.tsx';
import { Events } from '../events/events.tsx';
import { Explore } from '../explore/explore.tsx';
import { type Address, useAddress } from '../kit/address.ts';
import { Caught } from '../kit/caught.tsx';
import { Link } from '../kit/link.tsx';
import { LostBanner } from '../kit/lost-banner.tsx';
import { ThemeSwitch } from '../kit/theme-switch.tsx';
import { Overview } from '../overview/overview.tsx';
import { ServerContext, useConnection } from '../server/connection.ts';
import type { AskError } from '../server/graph.ts';
import { Refused } from '../server/quality.tsx';
import { readSession, type Session, signOut } from '../server/session.ts';
import { asAskError } from '../server/use-ask.ts';
import { System } from '../system/system.tsx';
import { Keys } from './keys.tsx';
import { SignIn } from './sign-in.tsx';
import { VIEWS, type View } from './views.ts';

export function App() {
  const [session, setSession] = useState<Session>();
  const [error, setError] = useState<AskError>();
  const [wasSignedOut, setWasSignedOut] = useState(false);
  const read = useCallback(() => {
    setError(undefined);
    readSession().then(setSession, (failed: unknown) => setError(asAskError(failed)));
  }, []);
  useEffect(read, [read]);
  const ended = useCallback(() => {
    setWasSignedOut(true);
    // Whoever is signed in after this is connected anew.
    setSession(undefined);
    read();
  }, [read]);
  if (error !== undefined) {
    return (
      <main class="alone">
        <h1>Streamgauge</h1>
        <Refused error={error} />
        <button type="button" onClick={read}>
          Try again
        </button>
      </main>
    );
  }
  if (session === undefined) return <main class="alone" aria-busy="true" />;
  if (session.access === null) {
    return <SignIn wasSignedOut={wasSignedOut} signedIn={setSession} />;
  }
  return <Frame session={session} ended={ended} />;
}

function Frame({ session, ended }: { session: Session; ended: () => void }) {
  const address = useAddress();
  const { server, isLost } = useConnection({ session, key: undefined, ended });
  const view = VIEWS.find(({ path }) => path === address.path) ?? VIEWS[0];
  useEffect(() => {
    document.title = `${view.name} – Streamgauge`;
  }, [view]);
  return (
    <ServerContext.Provider value={server}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <Rail address={address} shown={view.path} session={session} ended={ended} />
      <main id="content" tabIndex={-1}>
        {isLost && <LostBanner />}
        <Caught key={view.path} what={`The view ${view.name}`} occasion={address.parameters}>
          {shown(view.path, address)}
        </Caught>
      </main>
      <Keys go={address.go} />
    </ServerContext.Provider>
  );
}

function shown(path: View['path'], address: Address) {
  switch (path) {
    case '/':
      return <Overview address={address} />;
    case '/explore':
      return <Explore address={address} />;
    case '/dashboards':
      return <Dashboards address={address} />;
    case '/events':
      return <Events address={address} />;
    case '/alarms':
      return <Alarms address={address} />;
    case '/system':
      return <System />;
  }
}

interface RailProps {
  readonly address: Address;
  readonly shown: string;
  readonly session: Session;
  readonly ended: () => void;
}

function Rail({ address, shown, session, ended }: RailProps) {
  const { access, needsKey, version } = session;
  return (
    <header class="rail">
      <p class="brand">Streamgauge</p>
      <nav aria-label="Views">
        {VIEWS.map(({ path, name }) => (
          <Link key={path} path={path} go={address.go} isHere={path === shown}>
            {name}
          </Link>
        ))}
      </nav>
      <div class="who">
        <ThemeSwitch />
        {needsKey && (
          <p>
            {access?.tenant}, by key {access?.key}{' '}
            <button type="button" class="plain" onClick={() => void signOut().then(ended, ended)}>
              Sign out
            </button>
          </p>
        )}
        <p class="quiet keys-hint">
          Press <kbd>?</kbd> for keys
        </p>
        <p class="quiet">Version {version}</p>
      </div>
    </header>
  );
}
