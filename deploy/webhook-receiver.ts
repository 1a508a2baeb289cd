/**
 * An example of a webhook's receiver, to copy from: it takes a message only if it is signed, recent and new. Run it with
 * `SECRET=whsec_… PORT=9099 node deploy/webhook-receiver.ts`. docs/notifications.md says what is behind each check.
 */
import { createServer, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

/** Ids that are remembered. Messages are retried for a day and may be resent later: remember a few days' worth. */
const SEEN_IDS_MAX = 100_000;
const BODY_BYTES_MAX = 1024 * 1024;

/** @param take does the work; what it throws makes the sender try again */
export function createReceiver(
  secret: string,
  take: (message: unknown) => Promise<void> | void,
): Server {
  const webhook = new Webhook(secret);
  // A receiver that restarts keeps these in its database, written in one transaction with what the message causes.
  const seen = new Set<string>();

  return createServer(async (request, response) => {
    const id = String(request.headers['webhook-id']);
    try {
      if (Number(request.headers['content-length'] ?? Number.NaN) > BODY_BYTES_MAX) {
        response.writeHead(413).end();
        return;
      }
      // The signature is over the bytes as they came: parse only after it is verified.
      const body = await buffer(request);
      const message = webhook.verify(body, {
        'webhook-id': id,
        'webhook-timestamp': String(request.headers['webhook-timestamp']),
        'webhook-signature': String(request.headers['webhook-signature']),
      });
      // Known already: a retry whose first answer was lost, or a replay. Success either way, so that the sender stops.
      if (!seen.has(id)) {
        seen.add(id);
        await take(message);
        forgetOldest(seen);
      }
      response.writeHead(204).end();
    } catch (error) {
      const unsigned = error instanceof WebhookVerificationError;
      if (!unsigned) seen.delete(id);
      response.writeHead(unsigned ? 401 : 500).end(unsigned ? error.message : 'try again');
    }
  });
}

/** A set keeps the order in which its members came. */
function forgetOldest(seen: Set<string>): void {
  for (const id of seen) {
    if (seen.size <= SEEN_IDS_MAX) return;
    seen.delete(id);
  }
}

if (import.meta.main) {
  const { SECRET = '', PORT = '9099' } = process.env;
  createReceiver(SECRET, (message) => console.log(JSON.stringify(message))).listen(Number(PORT));
}
