/** What may be asked of alarms and told to the alarm board. The composition root implements it on the board's actor. */
import type {
  AlarmRule,
  AlarmState,
  AlarmTransition,
  GroupValues,
  Severity,
} from '../model/alarm.ts';
import type {
  Attempt,
  Delivery,
  DeliveryState,
  Matcher,
  Receiver,
  ReceiverRef,
  Route,
  Silence,
} from '../model/notification.ts';
import type { Result } from '../model/result.ts';

/** What is wrong with something that was handed in; `path` leads into it: `condition.above`. */
export interface AlarmProblem {
  readonly path: string;
  readonly message: string;
}
export type Checked<T> = Result<T, readonly AlarmProblem[]>;

/** Where something is declared. What the configuration declares is read-only here. */
export type Source = 'config' | 'mutation';

export interface Acknowledgement {
  readonly author: string;
  readonly comment: string;
  readonly atMs: number;
}

/** One alarm as it is now. */
export interface AlarmView {
  /** 16 hex digits: of tenant, rule and group. */
  readonly id: string;
  readonly tenant: string;
  readonly rule: string;
  /** Values of the rule's `groupBy`; empty for a rule without, and for a rule's own error. */
  readonly group: GroupValues;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: AlarmState;
  readonly severity: Severity;
  /** The tick at which it came to this state; null while it is ok. */
  readonly sinceMs: number | null;
  /** Of the newest window; null if it cannot be said. */
  readonly value: number | null;
  /** Ids of silences. */
  readonly silencedBy: readonly string[];
  readonly isInhibited: boolean;
  /** In one of the rule's times in which nobody is told. */
  readonly isSuppressed: boolean;
  readonly acknowledgement: Acknowledgement | null;
}

export interface AlarmQuery {
  readonly tenant: string;
  readonly rule?: string;
  /** Default: everything that is not ok. */
  readonly states?: readonly AlarmState[];
  readonly matchers?: readonly Matcher[];
  readonly first: number;
  /** The id of the last alarm of the page before. */
  readonly after?: string;
}
/** By rule, then group. */
export interface AlarmPage {
  readonly alarms: readonly AlarmView[];
  readonly total: number;
  readonly hasMore: boolean;
}

export interface RuleView {
  readonly rule: AlarmRule;
  readonly source: Source;
  /** The tick that was evaluated last; null before the first. */
  readonly progressMs: number | null;
  readonly groups: number;
  readonly states: Readonly<Record<AlarmState, number>>;
}

/** One transition as it was written down. */
export interface HistoryEntry {
  /** Also the cursor behind this entry. */
  readonly id: string;
  readonly alarm: string;
  readonly recordedMs: number;
  readonly transition: AlarmTransition;
  readonly labels: Readonly<Record<string, string>>;
}
export interface HistoryQuery {
  readonly tenant: string;
  readonly rule?: string;
  readonly alarm?: string;
  /** Of `recordedMs`: from inclusive, to exclusive. */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly first: number;
  readonly after?: string;
}
/** Newest first. */
export interface Page<T> {
  readonly entries: readonly T[];
  /** Behind it there may be more; null: that was all. */
  readonly next: string | null;
}

export interface SilenceView {
  readonly silence: Silence;
  readonly state: 'pending' | 'active' | 'expired';
}

export interface ReceiverView {
  /** Secrets are masked. */
  readonly receiver: Receiver;
  readonly source: Source;
  readonly disabled: { readonly reason: 'gone' | 'operator'; readonly atMs: number } | null;
  readonly waiting: number;
}

export interface DeliveryQuery {
  readonly tenant: string;
  readonly receiver?: string;
  readonly states?: readonly DeliveryState[];
  readonly first: number;
  /** The cursor that the page before ended with. */
  readonly after?: string;
}

export interface BoardView {
  /** Event time between what partitions have closed and what the slowest rule has evaluated; 0 without rules. */
  readonly lagMs: number;
  /** Ticks of rules since the start of the process. */
  readonly evaluations: number;
  readonly alarms: Readonly<Record<AlarmState, number>>;
  readonly waitingDeliveries: number;
}

/** A transition that has been committed. */
export type AlarmChange = HistoryEntry;

/** Errors of all questions and commands: `query_invalid`, `query_timeout`, `mailbox_full`, `actor_stopped`, `state_io`. */
export interface AlarmBoardPort {
  alarms(query: AlarmQuery): Promise<AlarmPage>;
  rules(tenant: string): Promise<readonly RuleView[]>;
  history(query: HistoryQuery): Promise<Page<HistoryEntry>>;
  /** Expired ones are kept for some days. */
  silences(tenant: string): Promise<readonly SilenceView[]>;
  receivers(tenant: string): Promise<readonly ReceiverView[]>;
  /** The tenant's own, which are tried apart from those of the configuration. */
  routes(
    tenant: string,
  ): Promise<{ readonly config: readonly Route[]; readonly own: readonly Route[] }>;
  deliveries(query: DeliveryQuery): Promise<Page<Delivery>>;
  delivery(tenant: string, id: string): Promise<Delivery | undefined>;
  board(): Promise<BoardView>;
  /** Called with all changes of one commit, in their order; the answer ends that. */
  onChanges(tenant: string, listener: (changes: readonly AlarmChange[]) => void): () => void;

  /** Adds or replaces a rule. In effect when it resolves: partitions count for it from here on. */
  putRule(tenant: string, raw: unknown): Promise<Checked<AlarmRule>>;
  /** False: there is none of that name. Its alarms resolve. */
  removeRule(tenant: string, name: string): Promise<Checked<boolean>>;
  putReceiver(tenant: string, raw: unknown): Promise<Checked<Receiver>>;
  /** What waits for it is cancelled. */
  removeReceiver(tenant: string, name: string): Promise<Checked<boolean>>;
  /** Replaces all of the tenant's own. */
  setRoutes(tenant: string, raw: readonly unknown[]): Promise<Checked<readonly Route[]>>;
  /** Disabling cancels what waits. False: there is no such receiver. */
  setReceiverEnabled(receiver: ReceiverRef, isEnabled: boolean): Promise<boolean>;
  addSilence(silence: Omit<Silence, 'id'>): Promise<Checked<Silence>>;
  /** Ends it now; false: there is none that has not ended. */
  expireSilence(tenant: string, id: string): Promise<boolean>;
  /** No repeats until it resolves or its severity rises. False: it does not fire. */
  acknowledge(
    tenant: string,
    alarm: string,
    by: { readonly author: string; readonly comment: string },
  ): Promise<boolean>;
  unacknowledge(tenant: string, alarm: string): Promise<boolean>;
  resend(
    tenant: string,
    delivery: string,
  ): Promise<'resent' | 'waiting' | 'unknown' | 'receiverDisabled'>;
  /** One attempt with an example alarm; nothing is kept. Undefined: there is no such receiver. */
  testReceiver(receiver: ReceiverRef): Promise<Attempt | undefined>;
  /** When would the rule have fired? `query_invalid` if no rows are kept that it could be run on. */
  testRule(tenant: string, raw: unknown, fromMs: number, toMs: number): Promise<Checked<RuleTest>>;
}

export interface RuleTest {
  readonly transitions: readonly AlarmTransition[];
  readonly ticks: number;
  /** What is kept begins here, if that is later than what was asked for. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly isTruncated: boolean;
}
