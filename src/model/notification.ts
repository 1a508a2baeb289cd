/** Who is told of alarms, when, and in which form: what settings, the board, the senders and the query side share. */
import type { AlarmState, AlarmTransition, Severity } from './alarm.ts';

/**
 * Judges one label of an alarm: `alertname` (the rule), `severity`, `stream`, `tenant`, the rule's `groupBy` and its own labels. An absent label is
 * the empty text. `matches` is a regular expression that has to match the whole value.
 */
export interface Matcher {
  readonly label: string;
  readonly op: 'eq' | 'ne' | 'matches' | 'notMatches';
  readonly value: string;
}

/** All given parts must hold; times are of `timeZone`. */
export interface TimeRange {
  /** 0 = Sunday. */
  readonly weekdays?: readonly number[];
  /** Minutes of the day, `to` exclusive; a range over midnight is written as two. */
  readonly times?: readonly { readonly fromMinute: number; readonly toMinute: number }[];
  /** 1 to 31, or -1 for the last day and so on. */
  readonly daysOfMonth?: readonly number[];
  /** 1 to 12. */
  readonly months?: readonly number[];
}
export interface TimeInterval {
  readonly name: string;
  /** IANA name. */
  readonly timeZone: string;
  /** It holds if one of them does. */
  readonly ranges: readonly TimeRange[];
}

/** The first whose matchers all hold decides; `continue` lets the ones behind it decide too. */
export interface Route {
  readonly matchers: readonly Matcher[];
  readonly receiver: string;
  readonly continue: boolean;
  /** Alarms with equal values of these labels go into one message. */
  readonly groupBy: readonly string[];
  /** From the first change of a new group to its message. */
  readonly groupWaitMs: number;
  /** Between messages of one group, if something changed. */
  readonly groupIntervalMs: number;
  /** Between messages of one group, if nothing changed and something still fires. */
  readonly repeatIntervalMs: number;
  /** Names of time intervals: silent in these, and outside of these if there are any. */
  readonly muteIn: readonly string[];
  readonly activeIn: readonly string[];
}

/** What a route is that says nothing of this: configured, added, or made for a receiver that none leads to. */
export const ROUTE_DEFAULTS = {
  groupBy: ['alertname'],
  groupWaitMs: 0,
  groupIntervalMs: 60_000,
  repeatIntervalMs: 4 * 3_600_000,
} as const;

/** Leads everything to a receiver, and leaves it to those behind. */
export const routeToEverything = (receiver: string): Route => ({
  ...ROUTE_DEFAULTS,
  matchers: [],
  receiver,
  continue: true,
  muteIn: [],
  activeIn: [],
});

/** While an alarm that matches `source` fires, those that match `target` and agree on `equal` are not told of. */
export interface Inhibition {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

export interface RetryPolicy {
  /** The wait after the first failure; it doubles up to `waitMsMax`, each with jitter. */
  readonly waitMsMin: number;
  readonly waitMsMax: number;
  /** After so long a delivery is dead: shown, and sent again only by hand. */
  readonly giveUpAfterMs: number;
}

/** Names a receiver: its name is unique in its tenant only. */
export interface ReceiverRef {
  readonly tenant: string;
  readonly name: string;
}

interface ReceiverBase extends ReceiverRef {
  readonly sendResolved: boolean;
  /** Messages under way at once; the others wait for them, those of other receivers do not. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}
export interface WebhookReceiver extends ReceiverBase {
  readonly kind: 'webhook';
  readonly url: string;
  readonly method: 'POST' | 'PUT';
  /** Values are templates. */
  readonly headers: Readonly<Record<string, string>>;
  /** Template of the body; without it the JSON of Alertmanager's webhook, version 4. */
  readonly body?: string;
  /** `whsec_` and base64. Each signs, so that the receiver can change from one to the next; none: no signature. */
  readonly secrets: readonly string[];
  /** Networks (CIDR) that it may reach although they are private, loopback or link-local. */
  readonly allowNetworks: readonly string[];
}
export interface EmailReceiver extends ReceiverBase {
  readonly kind: 'email';
  /** `smtp://user:password@host:port` or `smtps://`. */
  readonly smtp: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Templates. */
  readonly subject?: string;
  readonly text?: string;
  readonly allowNetworks: readonly string[];
}
/** Lines on the server's terminal, in colour and with a bell where it is one. */
export interface ConsoleReceiver extends ReceiverBase {
  readonly kind: 'console';
  readonly bell: boolean;
}
/** One JSON line per message, appended and synced. */
export interface FileReceiver extends ReceiverBase {
  readonly kind: 'file';
  readonly path: string;
}
export type Receiver = WebhookReceiver | EmailReceiver | ConsoleReceiver | FileReceiver;

export interface Silence {
  readonly id: string;
  readonly tenant: string;
  readonly matchers: readonly Matcher[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly author: string;
  readonly comment: string;
}

/** One alarm in a message. `status` is what the receiver is told, `state` what it is. */
export interface NotifiedAlarm {
  readonly status: 'firing' | 'resolved';
  readonly state: AlarmState;
  readonly severity: Severity;
  /** `alertname` (the rule), `severity`, `stream`, `tenant`, the group's values and the rule's labels. */
  readonly labels: Readonly<Record<string, string>>;
  /** Filled in. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAtMs: number;
  /** Undefined while it fires. */
  readonly endsAtMs?: number;
  readonly value: number | null;
  readonly threshold: number | null;
  /** 16 hex digits, a function of all labels but the severity. */
  readonly fingerprint: string;
  /** The transition that it tells of. */
  readonly transition: Pick<AlarmTransition, 'from' | 'to' | 'reason' | 'atMs'>;
}

/** One message to one receiver: made once, committed before the first attempt, never changed. */
export interface Notification {
  /** Stable over retries and restarts; the `webhook-id`. */
  readonly id: string;
  readonly tenant: string;
  readonly receiver: string;
  readonly createdAtMs: number;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** Where a person looks: the query listener's address. */
  readonly externalUrl: string;
  readonly alarms: readonly NotifiedAlarm[];
  /** Alarms that had no room in `alarms`. */
  readonly truncatedAlarms: number;
}

/** How one attempt ended. */
export interface Attempt {
  readonly atMs: number;
  readonly durationMs: number;
  readonly outcome: 'delivered' | 'failed' | 'refused' | 'gone';
  /** HTTP status, SMTP reply code. */
  readonly status?: number;
  /** Why it failed, or the first part of the answer. */
  readonly detail: string;
  /** The receiver's `Retry-After`, from now. */
  readonly retryAfterMs?: number;
}

export const DELIVERY_STATES = ['waiting', 'delivered', 'dead', 'cancelled'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** A notification and what became of it. */
export interface Delivery {
  readonly notification: Notification;
  /** Unique in the server, ascending in the order in which notifications were made. Those of one group are sent in it. */
  readonly sequence: number;
  readonly state: DeliveryState;
  /** All attempts that were made; `attempts` holds the newest of them. */
  readonly attemptCount: number;
  readonly attempts: readonly Attempt[];
  /** Of the request as it was last sent; of secrets those that the template of a body has put there are in it. */
  readonly request?: SentRequest;
  readonly nextAttemptAtMs?: number;
  /** Of this schedule: `giveUpAfterMs` counts from it. */
  readonly firstAttemptAtMs?: number;
  /** When it was last sent again by hand, and the attempts before that: the retry schedule counts from there. */
  readonly resent?: { readonly atMs: number; readonly attemptCount: number };
}

/** What a receiver was sent, for people to read. */
export interface SentRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
