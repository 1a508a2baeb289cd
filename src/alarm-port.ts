/** What people ask of alarms and tell the board: answered by its actor, its rows and the dispatcher. */
import { randomUUID } from 'node:crypto';
import { historyPage } from '../actors/alarm-board/archive.ts';
import type { Deliveries } from '../actors/alarm-board/deliveries.ts';
import { ASK_TIMEOUT_MS } from '../actors/alarm-board/limits.ts';
import type { BoardCommand, Reply } from '../actors/alarm-board/protocol.ts';
import { rollupsOf, type TestRows, testRule } from '../actors/alarm-board/rule-test.ts';
import type { ActorRef } from '../actors/runtime.ts';
import type { ListingStore } from '../storage/state/state.ts';
import { readReceiver, readRoute, readRule } from './config/alarms.ts';
import { type ConfigProblem, masked } from './config/problems.ts';
import { problemsInWords } from './config/reader.ts';
import { keyOf } from './config/settings.ts';
import type { AlarmProblem, Checked, HistoryEntry } from './model/alarm-board.ts';
import type { Clock } from './model/clock.ts';
import type { Notification, Receiver, ReceiverRef } from './model/notification.ts';
import type { Partials } from './model/partials.ts';
import { err, ok, type Result } from './model/result.ts';
import type { RollupDefinition } from './model/rollup.ts';
import { checkReceiver, receiverProblemText } from './notify/check.ts';
import type { Dispatcher } from './notify/dispatcher.ts';
import type { AlarmBoardPort } from './query/alarms-port.ts';
import type { RuleRows } from './query/rule-rows.ts';

/** A change of rules is answered when the log has it; a full log takes as long as people would wait. */
const DECLARE_TIMEOUT_MS = 30_000;

export interface AlarmPortSources {
  readonly board: () => ActorRef<BoardCommand>;
  readonly store: ListingStore;
  /** Of the board that runs; throw while none does. */
  readonly deliveries: () => Deliveries;
  readonly dispatcher: () => Dispatcher;
  readonly partials: () => Partials;
  /** What ordinary rollups keep of what these would. Throws `query_invalid` if none does. */
  readonly rowsOf: (rollups: readonly RollupDefinition[]) => Promise<RuleRows>;
  readonly clock: Clock;
  readonly externalUrl: () => string;
}

/** Who listens to committed transitions. */
export class ChangeListeners {
  readonly #listeners = new Map<string, Set<(changes: readonly HistoryEntry[]) => void>>();

  tell(changes: readonly HistoryEntry[]): void {
    for (const [tenant, own] of Map.groupBy(changes, ({ transition }) => transition.tenant)) {
      for (const listener of this.#listeners.get(tenant) ?? []) listener(own);
    }
  }

  add(tenant: string, listener: (changes: readonly HistoryEntry[]) => void): () => void {
    const listeners = this.#listeners.get(tenant) ?? new Set();
    this.#listeners.set(tenant, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.#listeners.delete(tenant);
    };
  }
}

export function createAlarmPort(
  sources: AlarmPortSources,
  listeners: ChangeListeners,
): AlarmBoardPort {
  const { store, deliveries, dispatcher, clock } = sources;
  const ask = <T>(make: (replyTo: Reply<T>) => BoardCommand, timeoutMs = ASK_TIMEOUT_MS) =>
    sources.board().ask<T>(make, timeoutMs);
  const receivers = (tenant: string) =>
    ask<Awaited<ReturnType<AlarmBoardPort['receivers']>>>((replyTo) => ({
      type: 'receivers',
      tenant,
      replyTo,
    }));

  return {
    alarms: (query) => ask((replyTo) => ({ type: 'alarms', query, replyTo })),
    rules: (tenant) => ask((replyTo) => ({ type: 'rules', tenant, replyTo })),
    silences: (tenant) => ask((replyTo) => ({ type: 'silences', tenant, replyTo })),
    routes: (tenant) => ask((replyTo) => ({ type: 'routes', tenant, replyTo })),
    board: (tenant) => ask((replyTo) => ({ type: 'board', tenant, replyTo })),
    history: (query) => historyPage(store, query),
    deliveries: async (query) => deliveries().list(query),
    async receivers(tenant) {
      const found = await receivers(tenant);
      return found.map((view) => ({ ...view, receiver: withoutSecrets(view.receiver) }));
    },
    async delivery(tenant, id) {
      const delivery = await deliveries().load(id);
      return delivery?.notification.tenant === tenant ? delivery : undefined;
    },
    onChanges: (tenant, listener) => listeners.add(tenant, listener),

    async putRule(tenant, raw, isNew = false) {
      const rule = checked(readRule(raw, tenant));
      if (!rule.ok) return rule;
      return ask(
        (replyTo) => ({ type: 'putRule', rule: rule.value, isNew, replyTo }),
        DECLARE_TIMEOUT_MS,
      );
    },
    removeRule: (tenant, name) =>
      ask((replyTo) => ({ type: 'removeRule', tenant, name, replyTo }), DECLARE_TIMEOUT_MS),
    async putReceiver(tenant, raw) {
      const receiver = checked(readReceiver(raw, tenant));
      if (!receiver.ok) return receiver;
      const problems = problemsOfReceiver(receiver.value);
      if (problems.length > 0) return err(problems);
      const put = await ask<Checked<Receiver>>((replyTo) => ({
        type: 'putReceiver',
        receiver: receiver.value,
        replyTo,
      }));
      return put.ok ? ok(withoutSecrets(put.value)) : put;
    },
    removeReceiver: (tenant, name) =>
      ask((replyTo) => ({ type: 'removeReceiver', receiver: { tenant, name }, replyTo })),
    async setRoutes(tenant, raw) {
      const routes = raw.map((each) => checked(readRoute(each)));
      const problems = routes.flatMap((route, i) =>
        route.ok
          ? []
          : route.error.map(({ path, message }) => ({
              path: path === '' ? `routes[${i}]` : `routes[${i}].${path}`,
              message,
            })),
      );
      if (problems.length > 0) return err(problems);
      const values = routes.flatMap((route) => (route.ok ? [route.value] : []));
      return ask((replyTo) => ({ type: 'setRoutes', tenant, routes: values, replyTo }));
    },
    setReceiverEnabled: (receiver, isEnabled) =>
      ask((replyTo) => ({ type: 'setReceiverEnabled', receiver, isEnabled, replyTo })),
    addSilence: (silence) =>
      ask((replyTo) => ({
        type: 'addSilence',
        silence: { ...silence, id: randomUUID() },
        replyTo,
      })),
    expireSilence: (tenant, id) =>
      ask((replyTo) => ({ type: 'expireSilence', tenant, id, replyTo })),
    acknowledge: (tenant, alarm, by) =>
      ask((replyTo) => ({
        type: 'acknowledge',
        tenant,
        alarm,
        acknowledgement: { ...by, atMs: clock.now() },
        replyTo,
      })),
    unacknowledge: (tenant, alarm) =>
      ask((replyTo) => ({ type: 'acknowledge', tenant, alarm, acknowledgement: null, replyTo })),
    async resend(tenant, id) {
      const delivery = await deliveries().load(id);
      return delivery?.notification.tenant === tenant ? dispatcher().resend(id) : 'unknown';
    },
    async testReceiver(ref) {
      const found = await receivers(ref.tenant);
      const receiver = found.find((view) => view.receiver.name === ref.name)?.receiver;
      if (receiver === undefined) return undefined;
      const example = exampleFor(ref, clock.now(), sources.externalUrl());
      return (await dispatcher().test(receiver, example)).attempt;
    },
    async testRule(tenant, raw, fromMs, toMs) {
      const rule = checked(readRule(raw, tenant));
      if (!rule.ok) return rule;
      const own = await ask<TestRows | undefined>((replyTo) => ({
        type: 'rowsFor',
        rule: rule.value,
        replyTo,
      }));
      if (own !== undefined) {
        return ok(await testRule(rule.value, own, sources.partials(), fromMs, toMs));
      }
      const rollups = rollupsOf(rule.value);
      const rows = await sources.rowsOf(rollups);
      const named = { ...rows, rollups: rollups.map(({ name }) => name) };
      return ok(await testRule(rule.value, named, rows, fromMs, toMs));
    },
  };
}

function checked<T>(read: Result<T, readonly ConfigProblem[]>): Checked<T> {
  return read.ok ? read : err(problemsInWords(read.error));
}

/** A tenant's receivers reach the public network only; what leads further is for who runs the server. */
export function problemsOfReceiver(receiver: Receiver): AlarmProblem[] {
  const opens = 'allowNetworks' in receiver && receiver.allowNetworks.length > 0;
  const message = 'only the configuration may open private networks to a receiver';
  return [
    ...(opens ? [{ path: `${receiver.kind}.allowNetworks`, message }] : []),
    ...checkReceiver(receiver).map((problem) => ({
      path: keyOf([receiver.kind, ...problem.path]),
      message: receiverProblemText(problem),
    })),
  ];
}

/** Only texts are masked, so that it stays a receiver. */
const withoutSecrets = (receiver: Receiver): Receiver => masked([], receiver) as Receiver;

function exampleFor(
  { tenant, name }: ReceiverRef,
  nowMs: number,
  externalUrl: string,
): Notification {
  const labels = { alertname: 'test', severity: 'info', tenant };
  return {
    id: randomUUID(),
    tenant,
    receiver: name,
    createdAtMs: nowMs,
    groupKey: '{}:{alertname="test"}',
    groupLabels: { alertname: 'test' },
    externalUrl,
    alarms: [
      {
        status: 'firing',
        state: 'firing',
        severity: 'info',
        labels,
        annotations: { summary: 'This is a test: nothing is wrong.' },
        startsAtMs: nowMs,
        value: null,
        threshold: null,
        fingerprint: '0000000000000000',
        transition: { from: 'ok', to: 'firing', reason: 'abnormal', atMs: nowMs },
      },
    ],
    truncatedAlarms: 0,
  };
}
