/** What may be asked of alarms and told to the alarm board. The composition root implements it on the board's actor. */
import type { AlarmRule } from '../model/alarm.ts';
import type {
  AlarmPage,
  AlarmQuery,
  BoardView,
  Checked,
  DeliveryQuery,
  HistoryEntry,
  HistoryQuery,
  Page,
  ReceiverView,
  RuleTest,
  RuleView,
  SilenceView,
} from '../model/alarm-board.ts';
import type {
  Attempt,
  Delivery,
  Receiver,
  ReceiverRef,
  Route,
  Silence,
} from '../model/notification.ts';

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
  board(tenant: string): Promise<BoardView>;
  /** Called with all changes of one commit, in their order; the answer ends that. */
  onChanges(tenant: string, listener: (changes: readonly HistoryEntry[]) => void): () => void;

  /** Adds or replaces a rule; a new one replaces no other. In effect when it resolves: partitions count for it from here on. */
  putRule(tenant: string, raw: unknown, isNew?: boolean): Promise<Checked<AlarmRule>>;
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
  ): Promise<Checked<boolean>>;
  unacknowledge(tenant: string, alarm: string): Promise<Checked<boolean>>;
  resend(
    tenant: string,
    delivery: string,
  ): Promise<'resent' | 'waiting' | 'unknown' | 'receiverDisabled'>;
  /** One attempt with an example alarm; nothing is kept. Undefined: there is no such receiver. */
  testReceiver(receiver: ReceiverRef): Promise<Attempt | undefined>;
  /** When would the rule have fired? `query_invalid` if no rows are kept that it could be run on. */
  testRule(tenant: string, raw: unknown, fromMs: number, toMs: number): Promise<Checked<RuleTest>>;
}
