/** Which sender takes which receiver. The HTTP and mail libraries are loaded when something is first sent by them. */
import type { LookupFunction } from 'node:net';
import type { Clock } from '../model/clock.ts';
import type { Notification, Receiver } from '../model/notification.ts';
import { attempted, type Found } from './attempt.ts';
import { showOnTerminal, type Terminal } from './console.ts';
import type { Senders, Sending } from './delivery.ts';
import { appendToFile } from './file.ts';
import { createGuard } from './guard.ts';

export interface SendersOptions {
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly colour: boolean;
  /** The system's resolver unless a test brings its own. */
  readonly resolve?: LookupFunction;
}

export function createSenders(options: SendersOptions): Senders {
  const { clock, terminal, colour, resolve } = options;

  async function sendByKind(
    notification: Notification,
    receiver: Receiver,
    signal: AbortSignal,
  ): Promise<Sending> {
    switch (receiver.kind) {
      case 'webhook': {
        const { sendWebhook } = await import('./webhook.ts');
        const guard = createGuard(receiver.allowNetworks, resolve);
        return sendWebhook(notification, receiver, guard, clock, signal);
      }
      case 'email': {
        const { sendEmail } = await import('./email.ts');
        const guard = createGuard(receiver.allowNetworks, resolve);
        return sendEmail(notification, receiver, guard, clock, signal);
      }
      case 'console':
        return attempted(clock, signal, undefined, async () => {
          await showOnTerminal(notification, receiver, terminal, colour);
          return { detail: 'shown' } satisfies Found;
        });
      case 'file':
        return attempted(clock, signal, undefined, async () => {
          await appendToFile(notification, receiver.path);
          return { detail: `appended to ${receiver.path}` };
        });
    }
  }

  return {
    async send(notification, receiver, signal) {
      try {
        return await sendByKind(notification, receiver, signal);
      } catch (error) {
        // A receiver that no check has seen, a bug in a sender: an outcome like others.
        return attempted(clock, signal, undefined, () => Promise.reject(error));
      }
    },
  };
}
