/** A notification as the request that its receiver asks for. Pure: the same in every attempt but for time and signature. */
import type { Notification, SentRequest, WebhookReceiver } from '../model/notification.ts';
import { ok, type Result } from '../model/result.ts';
import { alertmanagerBody } from './alertmanager-body.ts';
import { REQUEST_BODY_KEPT_CHARS_MAX } from './limits.ts';
import { signatureHeaders } from './signature.ts';
import { filledIn } from './template.ts';
import { templateView } from './template-view.ts';

export interface WebhookRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the delivery log. */
  readonly shown: SentRequest;
}

/** Their values tell nobody anything; every other configured header may hold a key and is masked. */
const PLAIN_HEADERS = ['accept', 'content-type', 'user-agent'];
const MASK = '***';

/** Fails if a template does: a receiver is checked before it is taken, but what a template makes depends on the message. */
export function webhookRequest(
  notification: Notification,
  receiver: WebhookReceiver,
  nowMs: number,
): Result<WebhookRequest, string> {
  const view = templateView(notification);
  const body =
    receiver.body === undefined
      ? ok(alertmanagerBody(notification))
      : filledIn(receiver.body, view, 'body');
  if (!body.ok) return body;
  const configured: Record<string, string> = {};
  for (const [name, template] of Object.entries(receiver.headers)) {
    const value = filledIn(template, view, `header ${name}`);
    if (!value.ok) return value;
    configured[name.toLowerCase()] = headerText(value.value);
  }
  const url = new URL(receiver.url);
  const own = {
    'content-type': 'application/json',
    'user-agent': 'Streamgauge',
    ...signatureHeaders(notification.id, body.value, receiver.secrets, nowMs),
  };
  const { authorization = basicAuthorization(url), ...others } = configured;
  const headers = { ...own, ...others, ...(authorization && { authorization }) };
  const shown = {
    url: shownUrl(url),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, isSecret(name, own) ? MASK : value]),
    ),
    body: body.value.slice(0, REQUEST_BODY_KEPT_CHARS_MAX),
  };
  return ok({ url, headers, body: body.value, shown });
}

/** One line of what a header can carry: a label must neither end it nor fail the request. */
function headerText(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/[^\x20-\xff]/gu, '?')
    .trim();
}

function isSecret(name: string, own: Readonly<Record<string, string>>): boolean {
  return !(name in own) && !PLAIN_HEADERS.includes(name);
}

function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** The path of a chat service's webhook is its secret. */
function shownUrl({ origin, pathname, search }: URL): string {
  return pathname === '/' && search === '' ? `${origin}/` : `${origin}/${MASK}`;
}
