/** What people ask the alarm board and what it answers: shared by the board and the query side. */
import type { AlarmRule, AlarmState, AlarmTransition, GroupValues, Severity } from './alarm.ts';
import type {
  DeliveryState,
  Inhibition,
  Matcher,
  Receiver,
  Route,
  Silence,
  TimeInterval,
} from './notification.ts';
import type { Result } from './result.ts';

/** What is wrong with something that was handed in; `path` leads into it: `condition.above`. */
export interface AlarmProblem {
  readonly path: string;
  readonly message: string;
}
export type Checked<T> = Result<T, readonly AlarmProblem[]>;

/** Where something is declared. What the configuration declares is read-only here. */
export type Source = 'config' | 'mutation';

/** What is declared of alarms: rules, and who is told. */
export interface DeclaredAlarms {
  readonly rules: readonly AlarmRule[];
  readonly receivers: readonly Receiver[];
  /** In this order. */
  readonly routes: readonly Route[];
  readonly inhibitions: readonly Inhibition[];
  readonly timeIntervals: readonly TimeInterval[];
}

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
  /** How far the newest tick of the slowest rule lies behind the clock, its lateness not counted; of one without any, when it was added. */
  readonly lagMs: number;
  /** Ticks of rules since the start of the process. */
  readonly evaluations: number;
  readonly alarms: Readonly<Record<AlarmState, number>>;
  /** Since the board was loaded: alarms beyond the bound, which nobody is told of. */
  readonly droppedAlarms: number;
  readonly waitingDeliveries: number;
}

export interface RuleTest {
  readonly transitions: readonly AlarmTransition[];
  readonly ticks: number;
  /** What is kept begins here, if that is later than what was asked for. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly isTruncated: boolean;
}
