/** A thread that is there for one work, and is closed by what cancels it. */
import type { MessagePort } from 'node:worker_threads';
import { assertNever } from '../model/result.ts';
import type { ToThread } from './asked-thread.ts';
import { answerOf, type Questions } from './asker.ts';

/** `closing` is aborted by a `close`, which is answered when the work has ended. */
export function serveOneWork(
  main: MessagePort,
  closing: AbortController,
  work: () => Promise<unknown>,
): void {
  let working: Promise<void> | undefined;
  main.on('message', (message: ToThread<Questions>) => {
    switch (message.type) {
      case 'ask':
        working = answerOf(message.id, work).then((said) => main.postMessage(said));
        break;
      case 'close':
        closing.abort();
        void Promise.resolve(working).then(() => main.postMessage({ type: 'closed' }));
        break;
      default:
        assertNever(message);
    }
  });
}
