/**
 * Headers by which a receiver knows that a message is ours, unchanged and recent: Standard Webhooks
 * (https://github.com/standard-webhooks/standard-webhooks). The timestamp is the attempt's, so that a retry hours later is
 * still accepted; the id is the notification's, so that a receiver can tell what it already has.
 */
import { Webhook } from 'standardwebhooks';

export function signatureHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const at = new Date(nowMs);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(nowMs / 1000)),
    ...(secrets.length > 0 && {
      'webhook-signature': secrets
        .map((secret) => new Webhook(secret).sign(id, at, body))
        .join(' '),
    }),
  };
}
