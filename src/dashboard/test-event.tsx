/** An event that the server sends itself: who has set up nothing yet sees that it arrives. */
import { useState } from 'preact/hooks';
import { ask } from './graph.ts';
import { useFailure, usePage } from './hooks.ts';
import { Refused } from './quality.tsx';
import { may } from './session.ts';

const SEND = `mutation ($stream: String!) { sendTestEvent(stream: $stream) { applied } }`;

export interface TestEventProps {
  readonly stream: string;
  /** It is durable. */
  readonly sent: () => void;
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

function Sender({ stream, sent }: TestEventProps) {
  const { error, failed, forget } = useFailure();
  const [state, setState] = useState<'idle' | 'sending' | 'sent'>('idle');
  const send = async () => {
    setState('sending');
    forget();
    try {
      await ask(SEND, { stream });
      setState('sent');
      sent();
    } catch (reason) {
      setState('idle');
      failed(reason);
    }
  };
  return (
    <>
      <p>
        Or let the server send one itself, of type <code>test_event</code>:
      </p>
      {error && <Refused error={error} />}
      <p class="actions">
        <button type="button" disabled={state === 'sending'} onClick={() => void send()}>
          Send a test event
        </button>{' '}
        <span role="status">{state === 'sent' && 'Sent. It counts in a moment.'}</span>
      </p>
    </>
  );
}
