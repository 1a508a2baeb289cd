/** The board's rows: JSON, each kind under its own keys (storage/FORMAT.md, "Board rows"). Loading, and changes as writes. */
import {
  groupKey,
  type SavedGroup as SavedRuleGroup,
  type SavedRun,
} from '../../src/alarm/rule-run.ts';
import type { AlarmRule } from '../../src/model/alarm.ts';
import type { HistoryEntry } from '../../src/model/alarm-board.ts';
import { AppError } from '../../src/model/errors.ts';
import type {
  Delivery,
  Receiver,
  ReceiverRef,
  Route,
  Silence,
} from '../../src/model/notification.ts';
import { type WaitingDelivery, waitingForm } from '../../src/notify/delivery.ts';
import {
  BOARD_ROW,
  type BoardRow,
  boardKey,
  boardRange,
  deliveryKey,
  historyKey,
  waitingKey,
} from '../../storage/state/board-keys.ts';
import { type KeyRange, type StateOp, type StateReader, scan } from '../../storage/state/state.ts';
import type { SavedGroup } from './groups.ts';
import { hashOf } from './hashes.ts';
import type { BoardChanges, DisabledReceiver, SavedBoard } from './machine.ts';
import type { BoardAlarm } from './told.ts';

/** Throws `state_corrupt`. What a row holds is what was written under its key. */
export function decodeRow<T>(row: Uint8Array): T {
  try {
    const value: T = JSON.parse(Buffer.from(row.buffer, row.byteOffset, row.length).toString());
    return value;
  } catch (cause) {
    throw new AppError('state_corrupt', 'a row of the alarm board is not JSON', {}, cause);
  }
}

export const put = (key: Uint8Array, value: unknown): StateOp => ({
  key,
  value: Buffer.from(JSON.stringify(value)),
});
export const remove = (key: Uint8Array): StateOp => ({ key, value: undefined });
const putOrRemove = (key: Uint8Array, value: unknown): StateOp =>
  value === undefined ? remove(key) : put(key, value);

/** The state of a rule's run, with the rule as it was then: one that has changed since has to be ended by its old form. */
export interface StoredRun extends SavedRun {
  readonly rule: AlarmRule;
}

/** What was declared by mutation. */
export interface Declared {
  readonly rules: readonly AlarmRule[];
  readonly receivers: readonly Receiver[];
  readonly routes: ReadonlyMap<string, readonly Route[]>;
}

export interface StoredBoard {
  readonly board: SavedBoard;
  readonly declared: Declared;
  readonly runs: readonly StoredRun[];
}

export async function loadBoard(store: StateReader): Promise<StoredBoard> {
  const [head] = await store.getMany([boardKey(BOARD_ROW.board)]);
  const runs = await all<Omit<StoredRun, 'groups'>>(store, BOARD_ROW.run);
  return {
    board: {
      sequence: head === undefined ? 0 : decodeRow<{ sequence: number }>(head).sequence,
      alarms: await all<BoardAlarm>(store, BOARD_ROW.alarm),
      groups: await all<SavedGroup>(store, BOARD_ROW.group),
      silences: await all<Silence>(store, BOARD_ROW.silence),
      disabled: await all<DisabledReceiver>(store, BOARD_ROW.disabledReceiver),
    },
    declared: await loadDeclared(store),
    runs: await Promise.all(
      runs.map(async (run) => {
        const range = runGroupRange(run.rule);
        return { ...run, groups: await allIn<SavedRuleGroup>(store, range) };
      }),
    ),
  };
}

/** Rules, receivers and routes that were added while the server ran. */
export async function loadDeclared(store: StateReader): Promise<Declared> {
  const routes = await all<{ tenant: string; routes: readonly Route[] }>(store, BOARD_ROW.routes);
  return {
    rules: await all<AlarmRule>(store, BOARD_ROW.rule),
    receivers: await all<Receiver>(store, BOARD_ROW.receiver),
    routes: new Map(routes.map((row) => [row.tenant, row.routes])),
  };
}

export const ruleOp = (tenant: string, name: string, rule: AlarmRule | undefined): StateOp =>
  putOrRemove(boardKey(BOARD_ROW.rule, tenant, name), rule);
export const receiverOp = ({ tenant, name }: ReceiverRef, receiver?: Receiver): StateOp =>
  putOrRemove(boardKey(BOARD_ROW.receiver, tenant, name), receiver);
export const routesOp = (tenant: string, routes: readonly Route[]): StateOp =>
  put(boardKey(BOARD_ROW.routes, tenant), { tenant, routes });
export const silenceOp = (silence: Silence): StateOp =>
  put(boardKey(BOARD_ROW.silence, silence.tenant, silence.id), silence);
export const silenceEndOp = ({ tenant, id }: Silence): StateOp =>
  remove(boardKey(BOARD_ROW.silence, tenant, id));
export const disabledOp = ({ tenant, name }: ReceiverRef, row?: DisabledReceiver): StateOp =>
  putOrRemove(boardKey(BOARD_ROW.disabledReceiver, tenant, name), row);

/** What a rule's run has changed. */
export function runOps(
  rule: AlarmRule,
  changes: { progressMs: number; put: readonly SavedRuleGroup[]; remove: readonly string[] },
): StateOp[] {
  return [
    put(boardKey(BOARD_ROW.run, rule.tenant, rule.name), { rule, progressMs: changes.progressMs }),
    ...changes.put.map((group) => put(runGroupKey(rule, groupKey(group.group)), group)),
    ...changes.remove.map((key) => remove(runGroupKey(rule, key))),
  ];
}
/** The run is over. */
export const runEndOps = ({ rule, groups }: StoredRun): StateOp[] => [
  remove(boardKey(BOARD_ROW.run, rule.tenant, rule.name)),
  ...groups.map(({ group }) => remove(runGroupKey(rule, groupKey(group)))),
];

/** A group's values may be longer than a key. */
const runGroupKey = ({ tenant, name }: AlarmRule, key: string): Uint8Array =>
  boardKey(BOARD_ROW.runGroup, tenant, name, hashOf([key], 32));
const runGroupRange = ({ tenant, name }: AlarmRule): KeyRange =>
  boardRange(BOARD_ROW.runGroup, tenant, name);

export const boardOps = (changes: BoardChanges): StateOp[] => [
  put(boardKey(BOARD_ROW.board), { sequence: changes.sequence }),
  ...Array.from(changes.alarms, ([id, alarm]) => putOrRemove(boardKey(BOARD_ROW.alarm, id), alarm)),
  ...Array.from(changes.groups, ([id, group]) => putOrRemove(boardKey(BOARD_ROW.group, id), group)),
  ...changes.forgotten.map(silenceEndOp),
  ...changes.history.map(historyOp),
  ...changes.deliveries.flatMap((delivery) => [
    put(placeKey(delivery.notification.id), placeOf(delivery)),
    ...deliveryOps(delivery),
  ]),
];

/** The sequence is the second part of an entry's id. */
function historyOp(entry: HistoryEntry): StateOp {
  const sequence = Number.parseInt(entry.id.split('.')[1] ?? '', 36);
  return put(historyKey(entry.transition.tenant, entry.recordedMs, sequence), entry);
}

export interface StoredWaiting extends WaitingDelivery {
  readonly tenant: string;
  readonly receiver: string;
}

/** The row and its place among those that wait. */
export function deliveryOps(delivery: Delivery): StateOp[] {
  const { notification, sequence, state } = delivery;
  const { tenant, receiver } = notification;
  const waiting: StoredWaiting = { ...waitingForm(delivery), tenant, receiver };
  const key = waitingKey(tenant, receiver, sequence);
  return [
    put(deliveryKey(tenant, sequence), delivery),
    state === 'waiting' ? put(key, waiting) : remove(key),
  ];
}
export const deliveryEndOps = (delivery: Delivery): StateOp[] => {
  const { notification, sequence } = delivery;
  const { tenant, receiver, id } = notification;
  return [
    remove(deliveryKey(tenant, sequence)),
    remove(placeKey(id)),
    remove(waitingKey(tenant, receiver, sequence)),
  ];
};

/** Where a delivery lies, by its id. */
export interface DeliveryPlace {
  readonly tenant: string;
  readonly sequence: number;
}
export const placeKey = (id: string): Uint8Array => boardKey(BOARD_ROW.deliveryPlace, id);
const placeOf = ({ notification, sequence }: Delivery): DeliveryPlace => ({
  tenant: notification.tenant,
  sequence,
});

const all = <T>(store: StateReader, kind: BoardRow): Promise<T[]> =>
  allIn<T>(store, boardRange(kind));

export async function allIn<T>(store: StateReader, range: KeyRange): Promise<T[]> {
  const rows: T[] = [];
  for await (const { value } of scan(store, range)) rows.push(decodeRow<T>(value));
  return rows;
}
