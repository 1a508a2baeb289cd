/** Where a key is shown once. The page does not keep it: the browser gets a cookie that scripts cannot read. */
import { useState } from 'preact/hooks';
import type { AskError } from '../server/graph.ts';
import { Refused } from '../server/quality.tsx';
import { type Session, signIn } from '../server/session.ts';
import { asAskError } from '../server/use-ask.ts';

export interface SignInProps {
  readonly wasSignedOut: boolean;
  readonly signedIn: (session: Session) => void;
}

export function SignIn({ wasSignedOut, signedIn }: SignInProps) {
  const [key, setKey] = useState('');
  const [error, setError] = useState<AskError>();
  const [isAsking, setIsAsking] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    setIsAsking(true);
    try {
      signedIn(await signIn(key.trim()));
    } catch (failed) {
      setError(asAskError(failed));
    }
    setIsAsking(false);
  };
  return (
    <main class="alone">
      <h1>Streamgauge</h1>
      {wasSignedOut && <p role="status">You are signed out.</p>}
      <form onSubmit={(event) => void send(event)}>
        <label for="key">Key with scope "read" or "admin"</label>
        <input
          id="key"
          type="password"
          autocomplete="current-password"
          placeholder="sg_…"
          required
          value={key}
          aria-describedby="key-about"
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <p id="key-about" class="quiet">
          It is sent to this server once, and kept by neither the page nor the browser's storage.
          With "admin" you also see the server's health and its actors, with "write" you can send
          dead letters again.
        </p>
        {error && <Refused error={error} />}
        <button type="submit" disabled={isAsking}>
          Sign in
        </button>
      </form>
      <p class="quiet">
        No key yet? On the server:{' '}
        <code>npx streamgauge keys create --tenant NAME --scope read</code>
      </p>
    </main>
  );
}
