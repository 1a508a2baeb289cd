/**
 * Decides from a request's first line and headers alone whether its body is worth reading: who sends, where to, in
 * which form, and whether there is room. Everything that can be refused is refused before memory is spent on it.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { Clock } from '../model/clock.ts';
import { err, ok, type Result } from '../model/result.ts';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../model/units.ts';
import type { AppendLog } from './append-log.ts';
import type { BodyMemory } from './body-memory.ts';
import type { Destination } from './coalescer.ts';
import { parseRfc3339 } from './decode/rfc3339.ts';
import { HEADER } from './header-bytes.ts';
import { bodyTooLarge } from './inflate.ts';
import type { Identity, KeyRing } from './keys.ts';
import { CLOCK_TOLERANCE_MS } from './limits.ts';
import { bodyEncoding, bodyForm, type Encoding, quoted } from './media-type.ts';
import type { Origins } from './origins.ts';
import type { ParameterReader, Parameters } from './parameters.ts';
import type { Quotas } from './quota.ts';
import { NO_MEMORY } from './receive-body.ts';
import { logRefusal, type Refusal } from './refusal.ts';

export type Ack = 'durable' | 'applied';

export interface Admitted {
  readonly destination: Destination;
  readonly encoding: Encoding;
  readonly ack: Ack;
}

/** What a sender may be refused for besides its request. */
export interface AdmissionRules {
  readonly keys: KeyRing;
  readonly origins: Origins;
  readonly parameters: ParameterReader;
  readonly quotas: Quotas;
  readonly log: AppendLog;
  readonly memory: BodyMemory;
  readonly clock: Clock;
  readonly bodyBytesMax: number;
  /** Requests come through programs of ours that read them, too. */
  readonly hasProxies: boolean;
  readonly isClosing: () => boolean;
}

const DEFAULT_STREAM = 'events';

/**
 * Refusals of a request that is wrong in itself come before those that pass with time. `origin` is the header, which
 * the caller needs too.
 */
export function admitEvents(
  rules: AdmissionRules,
  req: HttpRequest,
  origin: string,
): Result<Admitted, Refusal> {
  // First, for what else is refused keeps its connection.
  if (rules.hasProxies && hasTwoLengths(req)) return err(TWO_LENGTHS);
  const parameters = rules.parameters.read(req);
  const sender = admitSender(rules, req, origin, parameters);
  if (!sender.ok) return sender;
  const form = bodyForm(req.getHeader(HEADER.contentType));
  if (!form.ok) return form;
  const encoding = bodyEncoding(req.getHeader(HEADER.contentEncoding));
  if (!encoding.ok) return encoding;
  const ack = ackOf(parameters.ack);
  if (!ack.ok) return ack;
  const clockOffset = clockOffsetMs(parameters.sentAt, rules.clock);
  if (!clockOffset.ok) return clockOffset;
  const length = announcedLength(req);
  if (length !== undefined && length > rules.bodyBytesMax) {
    return err(bodyTooLarge(rules.bodyBytesMax, length));
  }
  const { identity, stream } = sender.value;
  const busy = busyRefusal(rules, identity.tenant);
  if (busy !== undefined) return err(busy);
  if (!rules.memory.hasRoom) return err(NO_MEMORY);
  const destination = {
    tenant: identity.tenant,
    stream,
    form: form.value,
    clockOffsetMs: clockOffset.value,
  };
  return ok({ destination, encoding: encoding.value, ack: ack.value });
}

export interface Sender {
  readonly identity: Identity;
  readonly stream: string;
}

/** The part that requests and WebSockets share. */
export function admitSender(
  { origins, keys }: AdmissionRules,
  req: HttpRequest,
  origin: string,
  { key = '', stream = DEFAULT_STREAM }: Parameters,
): Result<Sender, Refusal> {
  const foreign = origins.refusalOf(origin);
  if (foreign !== undefined) return err(foreign);
  const identity = keys.identify(req.getHeader('authorization'), key, 'write');
  if (!identity.ok) return identity;
  if (!isStreamName(stream)) return err(invalidStream(stream));
  return ok({ identity: identity.value, stream });
}

export type BusyRules = Pick<AdmissionRules, 'isClosing' | 'log' | 'quotas' | 'clock'>;

/** What time cures: the server stops, the log is behind, the tenant is over its quota. Asked per request and per frame. */
export function busyRefusal(
  { isClosing, log, quotas, clock }: BusyRules,
  tenant: string,
): Refusal | undefined {
  if (isClosing()) return SHUTTING_DOWN;
  const { refusal } = log;
  if (refusal !== undefined) return logRefusal(refusal);
  return quotas.admit(tenant, clock);
}

/** Undefined for a body of unknown length. */
export function announcedLength(req: HttpRequest): number | undefined {
  const header = req.getHeader(HEADER.contentLength);
  return header === '' ? undefined : Number(header);
}

/**
 * A proxy may have taken the other one: what is a body to it is a request to us, and of somebody else. Looking at all headers costs a
 * microsecond a request, so it is done only where there is a proxy: nobody else can be fooled.
 */
function hasTwoLengths(req: HttpRequest): boolean {
  let first: string | undefined;
  let differ = false;
  req.forEach((name, value) => {
    if (name !== 'content-length') return;
    first ??= value;
    differ ||= value !== first;
  });
  return differ;
}

const TWO_LENGTHS: Refusal = {
  code: 'invalid_length',
  message: 'the request has two different Content-Length headers: expected one',
};

const SHUTTING_DOWN: Refusal = {
  code: 'shutting_down',
  message: 'the server is stopping: send the request again',
  retryAfterMs: 2_000,
};

const invalidStream = (stream: string): Refusal => ({
  code: 'invalid_stream',
  message: `${STREAM_NAME_RULE}, received ${quoted(stream)}`,
});

const encoder = new TextEncoder();

/** By how much the sender's clock is behind, as the request's arrival shows it; 0 if that may be the way of the request. */
export function clockOffsetMs(sentAt: string | undefined, clock: Clock): Result<number, Refusal> {
  if (sentAt === undefined) return ok(0);
  const bytes = encoder.encode(sentAt);
  const sentMs = /^\d{1,15}$/.test(sentAt) ? Number(sentAt) : parseRfc3339(bytes, 0, bytes.length);
  if (sentMs >= EPOCH_MS_MIN && sentMs <= EPOCH_MS_MAX) {
    const offsetMs = clock.now() - sentMs;
    return ok(Math.abs(offsetMs) > CLOCK_TOLERANCE_MS ? offsetMs : 0);
  }
  return err({
    code: 'invalid_parameter',
    message: `"sentAt" must be what the sender's clock shows as it sends, in epoch milliseconds or as RFC 3339, received ${quoted(sentAt)}`,
  });
}

function ackOf(text: string | undefined): Result<Ack, Refusal> {
  if (text === undefined || text === 'durable') return ok('durable');
  if (text === 'applied') return ok('applied');
  return err({
    code: 'invalid_parameter',
    message: `"ack" must be durable or applied, received ${quoted(text)}`,
  });
}
