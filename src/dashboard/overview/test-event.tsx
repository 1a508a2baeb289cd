/** An event that the server sends itself: who has set up nothing yet sees that it arrives. */
import { useState } from 'preact/hooks';
import { usePage } from '../server/connection.ts';
import { Refused } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useCommand } from '../server/use-command.ts';

const SEND = `mutation ($stream: String!) {
  result: sendTestEvent(stream: $stream) { applied }
}`;

export interface TestEventProps {
  readonly stream: string;
}

export function TestEvent(props: TestEventProps) {
  const { session } = usePage();
  if (may(session, 'write')) return <Sender {...props} />;
  return (
    <p class="quiet">
      A test event is sent from here with a key that has scope "write". This one has{' '}
      {session.access?.scopes.join(', ')}.
    </p>
  );
}

function Sender({ stream }: TestEventProps) {
  const { run, isRunning, error } = useCommand();
  const [isSent, setIsSent] = useState(false);
  const send = async () => setIsSent((await run(SEND, { stream })) !== undefined);
  return (
    <>
      <p>
        Or let the server send one itself, of type <code>test_event</code>:
      </p>
      {error && <Refused error={error} />}
      <p class="actions">
        <button type="button" disabled={isRunning} onClick={() => void send()}>
          Send a test event
        </button>{' '}
        <span role="status">{isSent && !isRunning && 'Sent. It counts in a moment.'}</span>
      </p>
    </>
  );
}
