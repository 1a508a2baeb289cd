/**
 * Deliveries as rows, for the dispatcher and for questions. It writes what attempts came to without the board, whose
 * state they are no part of; a receiver that is gone is the board's matter.
 */
import type { DeliveryQuery, Page } from '../../src/model/alarm-board.ts';
import type { Delivery, ReceiverRef } from '../../src/model/notification.ts';
import { cancelled, receiverKey, type WaitingDelivery } from '../../src/notify/delivery.ts';
import type { DeliveryPort } from '../../src/notify/delivery-queue.ts';
import {
  BOARD_ROW,
  boardRange,
  deliveryKey,
  waitingRange,
} from '../../storage/state/board-keys.ts';
import { canBeInKey } from '../../storage/state/keys.ts';
import { type ListingStore, type StateOp, scan } from '../../storage/state/state.ts';
import { deliveriesBefore, newest, type Outbox } from './archive.ts';
import {
  type DeliveryPlace,
  decodeRow,
  deliveryOps,
  placeKey,
  type StoredWaiting,
} from './rows.ts';

/** Deliveries that one write cancels. */
const CANCELLED_AT_ONCE = 200;

export class Deliveries implements DeliveryPort, Outbox {
  readonly #store: ListingStore;
  readonly #onGone: (receiver: ReceiverRef, delivery: Delivery) => Promise<void>;
  /** Sequences of those that wait, by receiver. */
  readonly #waiting = new Map<string, Set<number>>();
  #disabled: ReadonlySet<string> = new Set();
  /** By tenant, the last sequence that the bound on deliveries has pushed out. */
  readonly #pushedOutTo = new Map<string, number>();
  readonly #writes = new Set<Promise<void>>();
  /** Since the start: how attempts ended, how many deliveries were given up, and how many pushed out while they waited. */
  readonly outcomes = { delivered: 0, failed: 0, refused: 0, gone: 0, dead: 0, dropped: 0 };

  constructor(
    store: ListingStore,
    onGone: (receiver: ReceiverRef, delivery: Delivery) => Promise<void>,
  ) {
    this.#store = store;
    this.#onGone = onGone;
  }

  async load(id: string): Promise<Delivery | undefined> {
    if (!canBeInKey(id)) return undefined;
    const [place] = await this.#store.getMany([placeKey(id)]);
    if (place === undefined) return undefined;
    const { tenant, sequence } = decodeRow<DeliveryPlace>(place);
    const [row] = await this.#store.getMany([deliveryKey(tenant, sequence)]);
    return row && decodeRow<Delivery>(row);
  }

  async waiting(
    { tenant, name }: ReceiverRef,
    afterSequence: number,
    limit: number,
  ): Promise<readonly WaitingDelivery[]> {
    const rows = await this.#store.page(waitingRange(tenant, name, afterSequence), limit);
    return rows.map(({ value }) => decodeRow<WaitingDelivery>(value));
  }

  async record(delivery: Delivery): Promise<void> {
    const isCancelled = delivery.state === 'waiting' && this.#disabled.has(keyOf(delivery));
    const recorded = isCancelled ? cancelled(delivery) : delivery;
    if (this.isKept(recorded)) await this.#write(recorded);
    this.#attempted(recorded);
  }

  async gone(receiver: ReceiverRef, delivery: Delivery): Promise<void> {
    await this.#onGone(receiver, delivery);
    this.#count(delivery);
    this.#attempted(delivery);
  }

  /** False: pushed out. An attempt may end behind that; it must not bring the row back. */
  isKept({ notification, sequence }: Delivery): boolean {
    return sequence > (this.#pushedOutTo.get(notification.tenant) ?? -1);
  }

  async stopWriting(tenant: string, sequence: number): Promise<void> {
    this.#pushedOutTo.set(tenant, Math.max(sequence, this.#pushedOutTo.get(tenant) ?? -1));
    await Promise.allSettled(this.#writes);
  }

  pushedOut(delivery: Delivery): boolean {
    const hasWaited = this.#waitingSet(keyOf(delivery)).delete(delivery.sequence);
    if (hasWaited) this.outcomes.dropped += 1;
    return hasWaited;
  }

  /** The board has committed it. */
  made(delivery: Delivery): void {
    this.#count(delivery);
  }

  /** Those that no attempt is recorded as waiting for any more. */
  setDisabled(receivers: Iterable<ReceiverRef>): void {
    this.#disabled = new Set(Array.from(receivers, receiverKey));
  }

  /** Nothing is sent to it any more. */
  async cancelAll(receiver: ReceiverRef): Promise<void> {
    for (;;) {
      const waiting = await this.waiting(receiver, -1, CANCELLED_AT_ONCE);
      if (waiting.length === 0) return;
      const found = await Promise.all(waiting.map(({ id }) => this.load(id)));
      const ended = found.filter((delivery) => delivery !== undefined).map(cancelled);
      const known = new Set(ended.map(({ sequence }) => sequence));
      const ops: StateOp[] = ended.flatMap(deliveryOps);
      for (const { sequence } of waiting) {
        // A row without its delivery: the bound on deliveries has pushed that out.
        if (!known.has(sequence)) {
          const range = waitingRange(receiver.tenant, receiver.name, sequence - 1);
          ops.push({ key: range.from, value: undefined });
        }
      }
      await this.#store.commit(ops);
      this.#waiting.delete(receiverKey(receiver));
    }
  }

  /** Every receiver that something waits for; counts them all anew. */
  async recount(): Promise<ReceiverRef[]> {
    this.#waiting.clear();
    for (const tenant of this.#pushedOutTo.keys()) {
      // The commit that was to push them out may have failed.
      const [oldest] = await this.#store.page(boardRange(BOARD_ROW.delivery, tenant), 1);
      if (oldest === undefined) continue;
      this.#pushedOutTo.set(tenant, decodeRow<Delivery>(oldest.value).sequence - 1);
    }
    const receivers = new Map<string, ReceiverRef>();
    for await (const { value } of scan(this.#store, boardRange(BOARD_ROW.waiting))) {
      const { tenant, receiver, sequence } = decodeRow<StoredWaiting>(value);
      const ref = { tenant, name: receiver };
      receivers.set(receiverKey(ref), ref);
      this.#waitingSet(receiverKey(ref)).add(sequence);
    }
    return [...receivers.values()];
  }

  waitingOf(receiver: ReceiverRef): number {
    return this.#waiting.get(receiverKey(receiver))?.size ?? 0;
  }
  get waitingTotal(): number {
    let total = 0;
    for (const { size } of this.#waiting.values()) total += size;
    return total;
  }

  /** Newest first. Throws `query_invalid`. */
  list({ tenant, receiver, states, first, after }: DeliveryQuery): Promise<Page<Delivery>> {
    const wanted = ({ notification, state }: Delivery): boolean =>
      (receiver === undefined || notification.receiver === receiver) &&
      (states === undefined || states.includes(state));
    return newest<Delivery>(
      this.#store,
      deliveriesBefore(tenant, after),
      first,
      wanted,
      ({ sequence }) => sequence.toString(36),
    );
  }

  /** Counted before whoever waits for the write goes on. */
  async #write(delivery: Delivery): Promise<void> {
    const write = this.#store.commit(deliveryOps(delivery)).then(() => this.#count(delivery));
    this.#writes.add(write);
    try {
      await write;
    } finally {
      this.#writes.delete(write);
    }
  }

  #attempted(delivery: Delivery): void {
    const last = delivery.attempts.at(-1);
    // One that was sent again by hand was recorded without a new attempt.
    if (last === undefined || delivery.resent?.attemptCount === delivery.attemptCount) return;
    this.outcomes[last.outcome] += 1;
    if (delivery.state === 'dead') this.outcomes.dead += 1;
  }

  #count(delivery: Delivery): void {
    const waiting = this.#waitingSet(keyOf(delivery));
    if (delivery.state === 'waiting') waiting.add(delivery.sequence);
    else waiting.delete(delivery.sequence);
  }

  #waitingSet(key: string): Set<number> {
    let waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      waiting = new Set();
      this.#waiting.set(key, waiting);
    }
    return waiting;
  }
}

const keyOf = ({ notification }: Delivery): string =>
  receiverKey({ tenant: notification.tenant, name: notification.receiver });
