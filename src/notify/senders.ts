/** Which sender takes which receiver. The HTTP and mail libraries are loaded when something is first sent by them. */
import type { LookupFunction } from 'node:net';
import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/logger.ts';
import type {
  EmailReceiver,
  Notification,
  Receiver,
  WebhookReceiver,
} from '../model/notification.ts';
import { attempted, type Found } from './attempt.ts';
import { showOnTerminal, type Terminal } from './console.ts';
import type { Senders, Sending } from './delivery.ts';
import { appendToFile } from './file.ts';
import { createGuard } from './guard.ts';

export interface SendersOptions {
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly colour: boolean;
  readonly log: Logger;
  /** The system's resolver unless a test brings its own. */
  readonly resolve?: LookupFunction;
}

export function createSenders(options: SendersOptions): Senders {
  const { clock, terminal, colour, log, resolve } = options;

  /** The tenant is not told which address it was. */
  const guardOf = ({ tenant, name, allowNetworks }: WebhookReceiver | EmailReceiver) =>
    createGuard(allowNetworks, resolve, ({ host, address, kind }) => {
      const refused = { tenant, receiver: name, host, address, kind };
      log.warn(refused, 'a receiver leads to an address that is not allowed');
    });

  async function sendByKind(
    notification: Notification,
    receiver: Receiver,
    signal: AbortSignal,
  ): Promise<Sending> {
    switch (receiver.kind) {
      case 'webhook': {
        const { sendWebhook } = await import('./webhook.ts');
        return sendWebhook(notification, receiver, guardOf(receiver), clock, signal);
      }
      case 'email': {
        const { sendEmail } = await import('./email.ts');
        return sendEmail(notification, receiver, guardOf(receiver), clock, signal);
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
