/** Of a server that has no event yet: the one line that sends one. The first event replaces it by the live view. */
import { CopyButton } from './copy-button.tsx';
import { curlOfEvent } from './curl.ts';
import { usePage } from './hooks.ts';

const EVENT = { type: 'page_view', url: '/pricing', user: 'u1' };

export function FirstRun({ stream }: { stream: string }) {
  const { session } = usePage();
  const line = curlOfEvent(session, location.hostname, stream, EVENT);
  return (
    <section class="first-run" aria-labelledby="first-run-title">
      <h1 id="first-run-title">Send the first event</h1>
      <p>This server has no event yet. Paste this into a terminal that reaches it:</p>
      <textarea
        class="code"
        readOnly
        rows={3}
        aria-label="Command that sends an event"
        value={line}
      />
      <p class="actions">
        <CopyButton text={() => line}>Copy</CopyButton>
      </p>
      {session.needsKey && (
        <p>
          KEY is a key with scope "write"; on the server{' '}
          <code>npx streamgauge keys create --tenant {session.access?.tenant} --scope write</code>{' '}
          makes one.
        </p>
      )}
      <p class="waiting" role="status">
        <span class="pulse" aria-hidden="true" /> Waiting for the first event. This page shows it by
        itself.
      </p>
    </section>
  );
}
