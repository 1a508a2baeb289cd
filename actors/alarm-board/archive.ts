/** What is kept for people to look at, history and deliveries: bounded by number and age, the oldest go first. */
import type { HistoryEntry, HistoryQuery, Page } from '../../src/model/alarm-board.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { Delivery } from '../../src/model/notification.ts';
import {
  BOARD_ROW,
  boardKey,
  boardRange,
  deliveryKey,
  historyKey,
  historyRange,
} from '../../storage/state/board-keys.ts';
import type { KeyRange, ListingStore, StateOp, StateReader } from '../../storage/state/state.ts';
import {
  DELIVERIES_PER_TENANT_MAX,
  HISTORY_KEPT_MS,
  HISTORY_PER_TENANT_MAX,
  PAGE_MAX,
  PAGE_ROWS_MAX,
  PUSHED_OUT_LOG_MS,
  TRIMMED_PER_COMMIT_MAX,
} from './limits.ts';
import type { BoardChanges } from './machine.ts';
import { allIn, decodeRow, deliveryEndOps, put, remove } from './rows.ts';

interface Counts {
  readonly tenant: string;
  history: number;
  deliveries: number;
}

/** Who attempts deliveries, beside the board and while it pushes some of them out. */
export interface Outbox {
  /** Up to this sequence nothing of the tenant is written any more, once it resolves. */
  stopWriting(tenant: string, sequence: number): Promise<void>;
  /** The delivery is gone. True: it was still to be delivered. */
  pushedOut(delivery: Delivery): boolean;
}

/** How much of a tenant is kept; the counts are rows that change with what they count. */
export class Archive {
  readonly #store: StateReader;
  readonly #counts: Map<string, Counts>;
  readonly #outbox: Outbox;
  readonly #log: Logger;
  /** By the next commit. */
  #pushedOut: Delivery[] = [];
  /** Deliveries that nobody got, by tenant, since that was last logged. */
  readonly #undelivered = new Map<string, number>();
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  static async load(store: StateReader, outbox: Outbox, log: Logger): Promise<Archive> {
    const rows = await allIn<Counts>(store, boardRange(BOARD_ROW.counts));
    return new Archive(store, new Map(rows.map((row) => [row.tenant, row])), outbox, log);
  }

  constructor(store: StateReader, counts: Map<string, Counts>, outbox: Outbox, log: Logger) {
    this.#store = store;
    this.#counts = counts;
    this.#outbox = outbox;
    this.#log = log;
  }

  /** To be written with the changes: new counts, and what they push out. `committed` follows, or it is loaded anew. */
  async opsFor({ history, deliveries }: BoardChanges, nowMs: number): Promise<StateOp[]> {
    const touched = new Set<Counts>();
    for (const { transition } of history) touched.add(this.#of(transition.tenant));
    for (const { notification } of deliveries) touched.add(this.#of(notification.tenant));
    for (const { transition } of history) this.#of(transition.tenant).history += 1;
    for (const { notification } of deliveries) this.#of(notification.tenant).deliveries += 1;
    const ops: StateOp[] = [];
    for (const counts of touched) {
      ops.push(...(await this.#trimHistory(counts, nowMs)));
      ops.push(...(await this.#trimDeliveries(counts)));
      ops.push(put(boardKey(BOARD_ROW.counts, counts.tenant), counts));
    }
    return ops;
  }

  committed(nowMs: number): void {
    for (const delivery of this.#pushedOut) {
      if (!this.#outbox.pushedOut(delivery)) continue;
      const { tenant } = delivery.notification;
      this.#undelivered.set(tenant, (this.#undelivered.get(tenant) ?? 0) + 1);
    }
    this.#pushedOut = [];
    if (this.#undelivered.size === 0 || nowMs < this.#quietUntilMs) return;
    this.#quietUntilMs = nowMs + PUSHED_OUT_LOG_MS;
    for (const [tenant, deliveries] of this.#undelivered) {
      const text =
        'notifications that still waited were pushed out by newer ones: nobody gets them';
      this.#log.warn({ tenant, deliveries, deliveriesMax: DELIVERIES_PER_TENANT_MAX }, text);
    }
    this.#undelivered.clear();
  }

  async #trimHistory(counts: Counts, nowMs: number): Promise<StateOp[]> {
    const { tenant } = counts;
    const old = historyRange(tenant, 0, Math.max(0, nowMs - HISTORY_KEPT_MS));
    const excess = Math.min(TRIMMED_PER_COMMIT_MAX, counts.history - HISTORY_PER_TENANT_MAX);
    const rows =
      excess > 0
        ? await this.#store.page(boardRange(BOARD_ROW.history, tenant), excess)
        : await this.#store.page(old, TRIMMED_PER_COMMIT_MAX);
    counts.history -= rows.length;
    return rows.map(({ key }) => remove(key));
  }

  async #trimDeliveries(counts: Counts): Promise<StateOp[]> {
    const excess = Math.min(TRIMMED_PER_COMMIT_MAX, counts.deliveries - DELIVERIES_PER_TENANT_MAX);
    if (excess <= 0) return [];
    const range = boardRange(BOARD_ROW.delivery, counts.tenant);
    const rows = await this.#store.page(range, excess);
    counts.deliveries -= rows.length;
    const oldest = rows.map(({ value }) => decodeRow<Delivery>(value));
    await this.#outbox.stopWriting(counts.tenant, oldest.at(-1)?.sequence ?? -1);
    this.#pushedOut.push(...oldest);
    return oldest.flatMap(deliveryEndOps);
  }

  #of(tenant: string): Counts {
    let counts = this.#counts.get(tenant);
    if (counts === undefined) {
      counts = { tenant, history: 0, deliveries: 0 };
      this.#counts.set(tenant, counts);
    }
    return counts;
  }
}

/** Newest first. Throws `query_invalid`. */
export async function historyPage(
  store: ListingStore,
  { tenant, rule, alarm, fromMs, toMs, first, after }: HistoryQuery,
): Promise<Page<HistoryEntry>> {
  const all = boardRange(BOARD_ROW.history, tenant);
  const range = {
    from: fromMs === undefined ? all.from : historyKey(tenant, Math.max(0, fromMs), 0),
    to: toMs === undefined ? all.to : historyKey(tenant, Math.max(0, toMs), 0),
  };
  if (after !== undefined) {
    const before = historyKey(tenant, ...cursorNumbers(after));
    if (Buffer.compare(before, range.to) < 0) range.to = before;
  }
  const wanted = (entry: HistoryEntry): boolean =>
    (rule === undefined || entry.transition.rule === rule) &&
    (alarm === undefined || entry.alarm === alarm);
  return newest(store, range, first, wanted, ({ id }) => id);
}

/** Rows of a range backwards, those that pass. Reads a bounded number: a page may be short and still not be the last. */
export async function newest<T>(
  store: ListingStore,
  range: KeyRange,
  first: number,
  wanted: (entry: T) => boolean,
  cursorOf: (entry: T) => string,
): Promise<Page<T>> {
  const entries: T[] = [];
  const limit = Math.min(first, PAGE_MAX);
  let { to } = range;
  for (let read = 0; read < PAGE_ROWS_MAX; ) {
    const rows = await store.pageDown({ from: range.from, to }, PAGE_MAX);
    let last: T | undefined;
    for (const { key, value } of rows) {
      to = key;
      last = decodeRow<T>(value);
      if (wanted(last)) entries.push(last);
      if (entries.length === limit) return { entries, next: cursorOf(last) };
    }
    read += rows.length;
    if (last === undefined) return { entries, next: null };
    if (read >= PAGE_ROWS_MAX) return { entries, next: cursorOf(last) };
  }
  return { entries, next: null };
}

/** Before the delivery that the cursor names. */
export const deliveriesBefore = (tenant: string, after: string | undefined): KeyRange => {
  const range = boardRange(BOARD_ROW.delivery, tenant);
  return after === undefined
    ? range
    : { from: range.from, to: deliveryKey(tenant, cursorNumbers(`0.${after}`)[1]) };
};

/** Of `recordedMs.sequence`, both in base 36. */
function cursorNumbers(id: string): [number, number] {
  const match = /^([0-9a-z]{1,9})\.([0-9a-z]{1,10})$/.exec(id);
  const [recordedMs = -1, sequence = -1] = (match ?? [])
    .slice(1)
    .map((part) => Number.parseInt(part, 36));
  if (match === null || recordedMs >= 2 ** 48) {
    throw new AppError('query_invalid', `"after" must be the cursor of an entry, received "${id}"`);
  }
  return [recordedMs, sequence];
}
