/** What GraphQL answers about alarms, as far as the page asks for it. Times are epoch milliseconds. */
import type { Alarm, Label, Problem } from '../server/answers.ts';

export type Bound = number | { readonly fire: number; readonly clear: number };

export interface AlarmNow extends Alarm {
  readonly annotations: readonly Label[];
  readonly silencedBy: readonly string[];
  readonly inhibited: boolean;
  readonly suppressed: boolean;
  readonly acknowledgement: {
    readonly author: string;
    readonly comment: string;
    readonly at: number;
  } | null;
}

export interface FieldFilter {
  readonly field: string;
  readonly in: readonly string[];
}

export interface AlarmCondition {
  readonly kind: 'threshold' | 'change' | 'anomaly' | 'noData';
  readonly above: Bound | null;
  readonly below: Bound | null;
  readonly versus: string | null;
  readonly by: string | null;
  readonly deviations: number | null;
  readonly weeks: number | null;
  readonly direction: string | null;
}

export interface AlarmRule {
  readonly name: string;
  readonly declaredIn: 'config' | 'mutation';
  readonly stream: string;
  readonly measure: string;
  readonly filter: readonly FieldFilter[];
  readonly over: { readonly measure: string; readonly filter: readonly FieldFilter[] } | null;
  readonly groupBy: readonly string[];
  readonly normalize: readonly string[];
  readonly windowMs: number;
  readonly everyMs: number;
  readonly latenessMs: number;
  readonly condition: AlarmCondition;
  readonly forMs: number;
  readonly keepFiringForMs: number;
  readonly onNoValue: string;
  readonly severity: string;
  readonly escalation: readonly { readonly afterWindows: number; readonly severity: string }[];
  readonly suppress: readonly string[];
  readonly labels: readonly Label[];
  readonly annotations: readonly Label[];
  readonly groupsMax: number;
  readonly forgetAfterMs: number;
  /** The end of the window that was judged last. */
  readonly progress: number | null;
  readonly states: readonly { readonly state: string; readonly count: number }[];
}

export interface Silence {
  readonly id: string;
  readonly state: 'pending' | 'active' | 'expired';
  readonly matchers: readonly string[];
  readonly startsAt: number;
  readonly endsAt: number;
  readonly author: string;
  readonly comment: string;
}

/** Of an alarm's state, as it was or as it would have been. */
export interface StateChange {
  readonly group: readonly (string | null)[];
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly at: number;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly severity: string;
}

export interface RuleTest {
  readonly changes: readonly StateChange[];
  readonly ticks: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly truncated: boolean;
  readonly problems: readonly Problem[];
}

export interface Delivery {
  readonly id: string;
  readonly receiver: string;
  readonly state: 'waiting' | 'delivered' | 'dead' | 'cancelled';
  readonly createdAt: number;
  readonly alarms: readonly { readonly status: string; readonly labels: readonly Label[] }[];
  readonly truncatedAlarms: number;
  readonly attemptCount: number;
  readonly attempts: readonly {
    readonly at: number;
    readonly outcome: string;
    readonly status: number | null;
    readonly detail: string;
  }[];
  readonly nextAttempt: number | null;
}

export interface Receiver {
  readonly name: string;
  readonly kind: string;
  /** Without what may be secret. */
  readonly target: string;
  /** Messages. */
  readonly waiting: number;
  readonly disabled: { readonly reason: 'gone' | 'operator'; readonly at: number } | null;
}

export interface Route {
  /** All of them hold; none: every alarm. */
  readonly match: readonly string[];
  readonly receiver: string;
  /** The routes behind it may decide, too. */
  readonly continue: boolean;
  readonly groupBy: readonly string[];
  readonly groupWaitMs: number;
  readonly repeatIntervalMs: number;
}
