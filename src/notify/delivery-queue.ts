/**
 * What waits for one receiver, and the attempts under way to it. Queues share nothing, so a receiver that is slow or hangs
 * delays nobody else.
 *
 * Groups do not wait for each other, but the messages of a group go in their order: a later one waits until the earlier one
 * is delivered or given up. Otherwise the late retry of "firing" would overtake "resolved" and stand.
 */
import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/logger.ts';
import type { Delivery, Receiver, ReceiverRef } from '../model/notification.ts';
import { sendWithin } from './bounded-send.ts';
import {
  afterAttempt,
  cancelled,
  heldUntilMs,
  type Senders,
  type WaitingDelivery,
  waitingForm,
} from './delivery.ts';
import { RECORD_RETRY_MS, RETRY_AFTER_MS_MAX, TIMER_MS_MAX, WAITING_KNOWN_MAX } from './limits.ts';
import type { Timer } from './timer.ts';

/** Where deliveries are kept. A delivery is in it, committed, before it is spoken of here. */
export interface DeliveryPort {
  /** Those of one receiver that wait and have a greater sequence, ascending, at most `limit`. */
  waiting(
    receiver: ReceiverRef,
    afterSequence: number,
    limit: number,
  ): Promise<readonly WaitingDelivery[]>;
  /** Undefined if it is no longer kept. */
  load(id: string): Promise<Delivery | undefined>;
  /** Replaces what is kept of it. A rejection is followed by the same call until it is taken; no attempt happens meanwhile. */
  record(delivery: Delivery): Promise<void>;
  /**
   * The receiver has said that it is gone. In one write: this delivery is recorded (it is `cancelled`), the receiver is
   * disabled, whatever else waits for it is cancelled. Repeated like `record`.
   */
  gone(receiver: ReceiverRef, delivery: Delivery): Promise<void>;
}

export interface QueueOptions {
  readonly port: DeliveryPort;
  readonly senders: Senders;
  readonly clock: Clock;
  readonly timer: Timer;
  /** From [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

interface Ticket {
  readonly id: string;
  readonly sequence: number;
  readonly groupKey: string;
  dueMs: number;
  firstAttemptAtMs: number | undefined;
}

/** `disabled`: what comes back fails for good. `closing`: it stays waiting for the next process. */
type Phase = 'open' | 'disabled' | 'closing';

export class DeliveryQueue {
  receiver: Receiver;
  readonly #options: QueueOptions;
  readonly #onGone: () => void;
  /** Ascending by sequence, those under way included. */
  #tickets: Ticket[] = [];
  readonly #groupsUnderWay = new Set<string>();
  readonly #attempts = new Set<Promise<void>>();
  /** Ends attempts before their time. */
  readonly #ending = new AbortController();
  #phase: Phase = 'open';
  #readUpTo = -1;
  #moreInStore = true;
  #reading = false;
  #readNotBeforeMs = Number.NEGATIVE_INFINITY;
  /** By the receiver's `Retry-After`; for all but the last attempt of a delivery. */
  #heldUntilMs = Number.NEGATIVE_INFINITY;
  #cancelTimer = () => {};

  /** @param onGone has to stop this queue: its receiver answered that it is gone */
  constructor(receiver: Receiver, options: QueueOptions, onGone: () => void) {
    this.receiver = receiver;
    this.#options = options;
    this.#onGone = onGone;
  }

  /** Something waits in the store that may not be known here. */
  wake(): void {
    this.#moreInStore = true;
    this.#turn();
  }

  /** A delivery that waits again, whatever was read past it. */
  add(delivery: Delivery): void {
    this.#know([waitingForm(delivery)]);
    if (this.#tickets.length > WAITING_KNOWN_MAX) this.#forgetNewest();
    this.#turn();
  }

  /** No attempt starts any more. */
  stop(phase: 'disabled' | 'closing'): void {
    this.#phase = phase;
    this.#cancelTimer();
  }

  /** Ends attempts that are still under way. Their deliveries stay as they are. */
  abort(): void {
    this.#ending.abort(new Error('the server is closing'));
  }

  async whenIdle(): Promise<void> {
    await Promise.allSettled(this.#attempts);
  }

  #turn(): void {
    if (this.#phase !== 'open') return;
    this.#cancelTimer();
    const nowMs = this.#options.clock.now();
    let wakeMs = Number.POSITIVE_INFINITY;
    if (this.#moreInStore && !this.#reading && this.#tickets.length <= WAITING_KNOWN_MAX / 2) {
      if (nowMs >= this.#readNotBeforeMs) void this.#read();
      else wakeMs = this.#readNotBeforeMs;
    }
    wakeMs = Math.min(wakeMs, this.#startWhatIsDue(nowMs));
    if (wakeMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(1, wakeMs - nowMs), TIMER_MS_MAX);
    this.#cancelTimer = this.#options.timer(waitMs, () => this.#turn());
  }

  /** Oldest first. Answers when the next one will be due, if there is a place for it then. */
  #startWhatIsDue(nowMs: number): number {
    const farthestMs = nowMs + Math.max(this.receiver.retry.waitMsMax, RETRY_AFTER_MS_MAX);
    // What is due later than any schedule reaches was scheduled by a clock that has been set back since.
    const isDue = (dueMs: number) => dueMs <= nowMs || dueMs > farthestMs;
    const heldMs = isDue(this.#heldUntilMs) ? Number.NEGATIVE_INFINITY : this.#heldUntilMs;
    const behindAnother = new Set(this.#groupsUnderWay);
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const ticket of this.#tickets) {
      if (this.#attempts.size >= this.receiver.concurrency) return Number.POSITIVE_INFINITY;
      if (behindAnother.has(ticket.groupKey)) continue;
      behindAnother.add(ticket.groupKey);
      const { dueMs: ownMs, firstAttemptAtMs = Number.POSITIVE_INFINITY } = ticket;
      const lastMs = firstAttemptAtMs + this.receiver.retry.giveUpAfterMs;
      const dueMs = Math.max(ownMs, Math.min(heldMs, lastMs));
      if (isDue(dueMs)) this.#start(ticket);
      else earliestMs = Math.min(earliestMs, dueMs);
    }
    return earliestMs;
  }

  #start(ticket: Ticket): void {
    this.#groupsUnderWay.add(ticket.groupKey);
    const attempt = this.#attempt(ticket)
      .catch((error: unknown) => {
        ticket.dueMs = this.#options.clock.now() + RECORD_RETRY_MS;
        this.#options.log.error({ err: error, id: ticket.id }, 'a delivery could not be attempted');
      })
      .finally(() => {
        this.#attempts.delete(attempt);
        this.#groupsUnderWay.delete(ticket.groupKey);
        this.#turn();
      });
    this.#attempts.add(attempt);
  }

  async #attempt(ticket: Ticket): Promise<void> {
    const { port, random } = this.#options;
    const delivery = await port.load(ticket.id);
    if (delivery?.state !== 'waiting') {
      this.#forget(ticket);
      return;
    }
    if (this.#phase !== 'open') return;
    const { receiver } = this;
    const sending = await sendWithin(
      this.#options,
      delivery.notification,
      receiver,
      this.#ending.signal,
    );
    if (this.#ending.signal.aborted && sending.attempt.outcome !== 'delivered') return;
    const next = afterAttempt(delivery, sending, receiver.retry, random());
    if (sending.attempt.outcome === 'gone') {
      this.#onGone();
      await this.#written(ticket, () => port.gone(receiver, next));
      return;
    }
    this.#heldUntilMs = Math.max(this.#heldUntilMs, heldUntilMs(sending.attempt));
    // The board has cancelled what waited when it disabled the receiver: this one must not wait again.
    const settled = this.#isDisabled() && next.state === 'waiting' ? cancelled(next) : next;
    await this.#written(ticket, () => port.record(settled));
    if (settled.state === 'waiting') {
      ticket.dueMs = settled.nextAttemptAtMs ?? 0;
      ticket.firstAttemptAtMs = settled.firstAttemptAtMs;
    } else this.#forget(ticket);
  }

  /** While attempts run, `stop` may be called. */
  #isDisabled(): boolean {
    return this.#phase === 'disabled';
  }

  /** Until it is written, or the process ends: then the attempt happens again, with the same id. */
  async #written(ticket: Ticket, write: () => Promise<void>): Promise<void> {
    do {
      try {
        await write();
        return;
      } catch (error) {
        this.#options.log.error({ err: error, id: ticket.id }, 'an attempt could not be recorded');
        await this.#pause(RECORD_RETRY_MS);
      }
    } while (!this.#ending.signal.aborted);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.timer(ms, () => {
        this.#ending.signal.removeEventListener('abort', end);
        resolve();
      });
      const end = () => {
        cancel();
        resolve();
      };
      if (this.#ending.signal.aborted) end();
      else this.#ending.signal.addEventListener('abort', end, { once: true });
    });
  }

  async #read(): Promise<void> {
    this.#reading = true;
    this.#moreInStore = false;
    const room = WAITING_KNOWN_MAX - this.#tickets.length;
    try {
      const page = await this.#options.port.waiting(this.receiver, this.#readUpTo, room);
      this.#know(page);
      this.#readUpTo = page.at(-1)?.sequence ?? this.#readUpTo;
      // A store may give less than it is asked for: only nothing is the end.
      if (page.length > 0) this.#moreInStore = true;
    } catch (error) {
      this.#options.log.error(
        { err: error, receiver: this.receiver.name },
        'the outbox cannot be read',
      );
      this.#moreInStore = true;
      this.#readNotBeforeMs = this.#options.clock.now() + RECORD_RETRY_MS;
    }
    this.#reading = false;
    this.#turn();
  }

  #know(deliveries: readonly WaitingDelivery[]): void {
    const known = new Set(this.#tickets.map(({ id }) => id));
    const fresh = deliveries.filter(({ id }) => !known.has(id));
    const tickets = fresh.map(
      ({ id, sequence, groupKey, nextAttemptAtMs = 0, firstAttemptAtMs }) => ({
        ...{ id, sequence, groupKey, firstAttemptAtMs },
        dueMs: nextAttemptAtMs,
      }),
    );
    for (const { heldUntilMs = Number.NEGATIVE_INFINITY } of fresh) {
      // Asked for by a process before this one.
      this.#heldUntilMs = Math.max(this.#heldUntilMs, heldUntilMs);
    }
    this.#tickets = [...this.#tickets, ...tickets].sort((a, b) => a.sequence - b.sequence);
  }

  #forget(ticket: Ticket): void {
    this.#tickets = this.#tickets.filter((other) => other !== ticket);
  }

  /** Makes room: the newest that is not under way is read again when its turn comes. */
  #forgetNewest(): void {
    const newest = this.#tickets.findLast(({ groupKey }) => !this.#groupsUnderWay.has(groupKey));
    if (newest === undefined) return;
    this.#forget(newest);
    this.#readUpTo = Math.min(this.#readUpTo, newest.sequence - 1);
    this.#moreInStore = true;
  }
}
