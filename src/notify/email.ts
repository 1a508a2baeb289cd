/** Sends notifications by SMTP, over a connection that the guard opened. */
import { createHash } from 'node:crypto';
import { createTransport, type NodemailerError } from 'nodemailer';
import type { Clock } from '../model/clock.ts';
import type { EmailReceiver, Notification, SentRequest } from '../model/notification.ts';
import { ok, type Result } from '../model/result.ts';
import { attempted, type Found, SendingFailed } from './attempt.ts';
import type { Sending } from './delivery.ts';
import type { Guard } from './guard.ts';
import { REQUEST_BODY_KEPT_CHARS_MAX } from './limits.ts';
import { filledIn } from './template.ts';
import { templateView } from './template-view.ts';

const DEFAULT_SUBJECT =
  '[{{upper status}}{{#if firingCount}} {{firingCount}}{{/if}}] {{#if commonLabels.alertname}}{{commonLabels.alertname}}{{else}}{{alarms.length}} alarms{{/if}}{{#if commonLabels.severity}} ({{commonLabels.severity}}){{/if}}';
const DEFAULT_TEXT = `{{#each alarms}}
{{upper status}} {{name}} ({{severity}})
{{#each labels}}
  {{@key}}: {{this}}
{{/each}}
{{#each annotations}}
  {{@key}}: {{this}}
{{/each}}
  value: {{number value}}{{#unless threshold == ""}}, threshold: {{number threshold}}{{/unless}}
  since: {{startsAt}}{{#if endsAt}}, until: {{endsAt}}{{/if}}

{{/each}}
{{#if truncatedAlarms}}
And {{truncatedAlarms}} more.
{{/if}}
{{externalUrl}}
`;
/** Submission (RFC 6409) and its form with TLS from the start (RFC 8314). */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'smtp:': 587, 'smtps:': 465 };

export async function sendEmail(
  notification: Notification,
  receiver: EmailReceiver,
  guard: Guard,
  clock: Clock,
  signal: AbortSignal,
): Promise<Sending> {
  const message = messageOf(notification, receiver);
  if (!message.ok) {
    return attempted(clock, signal, undefined, async () => ({
      outcome: 'failed',
      detail: message.error,
    }));
  }
  const { subject, text } = message.value;
  return attempted(clock, signal, shown(receiver, subject, text), () =>
    submit(notification, receiver, { subject, text }, guard, signal),
  );
}

interface Message {
  readonly subject: string;
  readonly text: string;
}

function messageOf(notification: Notification, receiver: EmailReceiver): Result<Message, string> {
  const view = templateView(notification);
  const subject = filledIn(receiver.subject ?? DEFAULT_SUBJECT, view, 'subject');
  if (!subject.ok) return subject;
  const text = filledIn(receiver.text ?? DEFAULT_TEXT, view, 'text');
  if (!text.ok) return text;
  return ok({ subject: subject.value.replace(/\p{Cc}+/gu, ' ').trim(), text: text.value });
}

async function submit(
  notification: Notification,
  { smtp, from, to, timeoutMs }: EmailReceiver,
  message: Message,
  guard: Guard,
  signal: AbortSignal,
): Promise<Found> {
  const url = new URL(smtp);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = portOf(url);
  const user = decodeURIComponent(url.username);
  const transport = createTransport({
    host,
    port,
    secure: url.protocol === 'smtps:',
    // A password goes over TLS or not at all.
    ...(user !== '' && {
      requireTLS: true,
      auth: { user, pass: decodeURIComponent(url.password) },
    }),
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket: (_, done) => {
      guard.connect(host, port, signal).then(
        (connection) => done(null, { connection }),
        (error: Error) => done(error),
      );
    },
  });
  const thread = `<${digest(notification.groupKey)}@streamgauge>`;
  try {
    const { response, rejected } = await transport.sendMail({
      ...message,
      from,
      to: [...to],
      signal,
      // Stable over retries, and messages of one group in one thread.
      messageId: `<${digest(notification.id)}@streamgauge>`,
      inReplyTo: thread,
      references: thread,
      headers: { 'Auto-Submitted': 'auto-generated' },
    });
    const refused = rejected.length > 0 ? `; not taken for ${rejected.join(', ')}` : '';
    return { status: Number.parseInt(response, 10), detail: `${response}${refused}` };
  } catch (error) {
    const { responseCode }: Partial<NodemailerError> = error instanceof Error ? error : {};
    if (responseCode === undefined) throw error;
    throw new SendingFailed('the mail server refused', { status: responseCode }, error);
  }
}

function portOf(url: URL): number {
  return Number(url.port) || (DEFAULT_PORTS[url.protocol] ?? 587);
}

/** Ids and keys hold characters that a Message-ID may not. */
const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 32);

function shown(receiver: EmailReceiver, subject: string, text: string): SentRequest {
  const url = new URL(receiver.smtp);
  return {
    url: `${url.protocol}//${url.hostname}:${portOf(url)}`,
    headers: { from: receiver.from, to: receiver.to.join(', '), subject },
    body: text.slice(0, REQUEST_BODY_KEPT_CHARS_MAX),
  };
}
