/** One refused event: why, what was received, and the way back. */
import { useState } from 'preact/hooks';
import { moment, wholeMoment } from '../kit/format.ts';
import type { DeadLetter, ResentDeadLetter } from '../server/answers.ts';
import { usePage } from '../server/connection.ts';
import { ask } from '../server/graph.ts';
import { Refused } from '../server/quality.tsx';
import { may } from '../server/session.ts';
import { useFailure } from '../server/use-ask.ts';

const RESEND = `mutation ($letter: LetterToResend!) {
  resendDeadLetters(letters: [$letter]) { letters { id outcome message } }
}`;

const IN_WORDS: Readonly<Record<ResentDeadLetter['outcome'], string>> = {
  applied: 'Sent again: it counts.',
  duplicate: 'An event with the same id counts already.',
  accepted: 'Sent again: it is durable, and will count.',
  refused: 'Refused again',
  gone: 'There is no such letter any more: it was sent before, or has made room for newer ones.',
};

export function DeadLetterRow({ letter }: { letter: DeadLetter }) {
  const { arrival, stream, code, message } = letter;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <li>
      <details onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}>
        <summary>
          <time title={wholeMoment(arrival)}>{moment(arrival)}</time> <span>{stream}</span>{' '}
          <code>{code}</code> <span class="grow">{message}</span>
        </summary>
        {isOpen && <Resend letter={letter} />}
      </details>
    </li>
  );
}

function Resend({ letter: { id, text: received, base64 } }: { letter: DeadLetter }) {
  const { session } = usePage();
  const [text, setText] = useState(received ?? '');
  const [result, setResult] = useState<ResentDeadLetter>();
  const { error, failed, forget } = useFailure();
  const [isSending, setIsSending] = useState(false);
  const mayWrite = may(session, 'write');
  const isDone = result !== undefined && result.outcome !== 'refused';
  const send = async (event: Event) => {
    event.preventDefault();
    setIsSending(true);
    forget();
    try {
      const { resendDeadLetters } = await ask<{
        readonly resendDeadLetters: { readonly letters: readonly ResentDeadLetter[] };
      }>(RESEND, { letter: { id, text } });
      setResult(resendDeadLetters.letters[0]);
    } catch (reason) {
      failed(reason);
    }
    setIsSending(false);
  };
  return (
    <form onSubmit={(event) => void send(event)}>
      {received === null && (
        <>
          <p>What was received is no UTF-8. Its bytes in base64:</p>
          <pre class="code">{base64}</pre>
        </>
      )}
      <label for={`text-${id}`}>
        {received === null ? 'Send this instead' : 'What was received'}
      </label>
      <textarea
        id={`text-${id}`}
        class="code"
        rows={4}
        spellcheck={false}
        readOnly={isDone || !mayWrite}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <p class="actions">
        {mayWrite ? (
          !isDone && (
            <button type="submit" disabled={isSending}>
              Send again
            </button>
          )
        ) : (
          <span class="quiet">To send it again takes a key with scopes "read" and "write".</span>
        )}{' '}
        <span role="status">
          {result && IN_WORDS[result.outcome]}
          {result?.outcome === 'refused' && `: ${result.message}`}
        </span>
      </p>
      {error && <Refused error={error} />}
    </form>
  );
}
