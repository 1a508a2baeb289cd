/** Who is told of alarms, as people write it: a name, one of four kinds, and how patient to be. */
import { z } from 'zod';
import { shownAddress } from '../model/alarm-text.ts';
import type { Receiver } from '../model/notification.ts';
import { DAY_MS, durationMs, HOUR_MS, SECOND_MS } from '../model/units.ts';
import { DEFAULT_TENANT } from './alarm-rule.ts';
import { texts } from './alarm-scalars.ts';
import { duration, formatDuration, integer, name, oneOf, scalar, text, yes } from './scalars.ts';
import { group, list } from './shapes.ts';

const TEMPLATE_LENGTH_MAX = 64 * 1024;

const template = text('a template: a text that is not empty', TEMPLATE_LENGTH_MAX);

/** What addresses, secrets, headers, templates and networks hold is for `src/notify/check.ts` to say, of every receiver. */
const url = text('an address of at most 2,048 characters', 2_048);
const signingSecret = text('a secret of at most 256 characters', 256);
const networks = list(text('a network', 64), 64).default([]);
const address = scalar(
  'an e-mail address, such as "ops@example.org" or "Ops <ops@example.org>"',
  (raw) =>
    typeof raw === 'string' &&
    raw.length <= 512 &&
    /^(?:[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/.test(raw)
      ? raw
      : undefined,
);

const webhook = group({
  url,
  method: oneOf(['POST', 'PUT']).default('POST'),
  /** Values are templates. */
  headers: texts('headers', () => true, 8_192).default({}),
  /** Template of the body. Without it the JSON of Alertmanager's webhook. */
  body: template.optional(),
  /** All of them sign, so that the receiver can change from one to the next. */
  secrets: list(signingSecret, 8).default([]),
  /** Private networks that it may reach; without them only public addresses are. */
  allowNetworks: networks,
});
const email = group({
  smtp: url,
  from: address,
  to: list(address, 64),
  subject: template.optional(),
  text: template.optional(),
  allowNetworks: networks,
});
const terminal = group({ bell: yes.default(true) });
const file = group({ path: text('the path of a file') });

const written = group({
  name: name('a name'),
  tenant: name('a tenant').default(DEFAULT_TENANT),
  webhook: webhook.optional(),
  email: email.optional(),
  console: terminal.optional(),
  file: file.optional(),
  /** Also tells when an alarm is over. */
  sendResolved: yes.default(true),
  /** Messages under way at once. By default 4; 1 for a console and a file, whose lines should be in order. */
  concurrency: integer(1, 64).optional(),
  /** One attempt, from connecting to the end of the answer. */
  timeout: duration(100, 5 * 60 * SECOND_MS).default(durationMs(10 * SECOND_MS)),
  retry: group({
    /** After the first failure; each further wait is twice as long. */
    waitMin: duration(100, HOUR_MS).default(durationMs(5 * SECOND_MS)),
    waitMax: duration(SECOND_MS, DAY_MS).default(durationMs(HOUR_MS)),
    /** Then it is dead: an alarm that is a day old is found in the history, not in a message. */
    giveUpAfter: duration(SECOND_MS, 30 * DAY_MS).default(durationMs(DAY_MS)),
  }).prefault({}),
});
type Written = z.output<typeof written>;

export const receiver = written.transform((value, context): Receiver => {
  const made = receiversOf(value);
  const { waitMin, waitMax } = value.retry;
  if (made.length !== 1) {
    const message = 'expected exactly one of "webhook", "email", "console" and "file"';
    context.addIssue({ code: 'custom', path: [], message });
  }
  if (waitMax < waitMin) {
    const message = `expected at least waitMin (${formatDuration(waitMin)})`;
    context.addIssue({ code: 'custom', path: ['retry', 'waitMax'], message });
  }
  return made[0] ?? z.NEVER;
});

/** The same receiver as it would be written. Secrets and header values are masked with everything else that is shown. */
export function receiverText(of: Receiver): Record<string, unknown> {
  const { waitMsMin, waitMsMax, giveUpAfterMs } = of.retry;
  return {
    name: of.name,
    tenant: of.tenant,
    [of.kind]: kindText(of),
    sendResolved: of.sendResolved,
    concurrency: of.concurrency,
    timeout: formatDuration(of.timeoutMs),
    retry: {
      waitMin: formatDuration(waitMsMin),
      waitMax: formatDuration(waitMsMax),
      giveUpAfter: formatDuration(giveUpAfterMs),
    },
  };
}

function receiversOf(value: Written): Receiver[] {
  const { timeout, retry, concurrency, webhook, email, console, file } = value;
  const base = (concurrently: number) => ({
    name: value.name,
    tenant: value.tenant,
    sendResolved: value.sendResolved,
    concurrency: concurrency ?? concurrently,
    timeoutMs: timeout,
    retry: { waitMsMin: retry.waitMin, waitMsMax: retry.waitMax, giveUpAfterMs: retry.giveUpAfter },
  });
  const made: Receiver[] = [];
  if (webhook) {
    const { body, ...rest } = webhook;
    made.push({ kind: 'webhook', ...base(4), ...rest, ...(body !== undefined && { body }) });
  }
  if (email) {
    const { subject, text: body, ...rest } = email;
    const templates = {
      ...(subject !== undefined && { subject }),
      ...(body !== undefined && { text: body }),
    };
    made.push({ kind: 'email', ...base(4), ...rest, ...templates });
  }
  if (console) made.push({ kind: 'console', ...base(1), ...console });
  if (file) made.push({ kind: 'file', ...base(1), ...file });
  return made;
}

function kindText(of: Receiver): Record<string, unknown> {
  switch (of.kind) {
    case 'webhook': {
      const { method, headers, body, secrets, allowNetworks } = of;
      return {
        url: shownAddress(of.url),
        method,
        headers,
        ...(body !== undefined && { body }),
        secrets,
        allowNetworks,
      };
    }
    case 'email': {
      const { from, to, subject, text: body, allowNetworks } = of;
      const templates = {
        ...(subject !== undefined && { subject }),
        ...(body !== undefined && { text: body }),
      };
      return { smtp: shownAddress(of.smtp), from, to, ...templates, allowNetworks };
    }
    case 'console':
      return { bell: of.bell };
    case 'file':
      return { path: of.path };
  }
}
