/**
 * Delivers notifications: a queue per receiver, at least once, with the same id each time. What waits is in the board's
 * store and only in part known here; after a crash, calling `setReceivers` goes on with it.
 */
import type { Delivery, Notification, Receiver, ReceiverRef } from '../model/notification.ts';
import { sendWithin } from './bounded-send.ts';
import { receiverKey, type Sending, sentAgain } from './delivery.ts';
import { DeliveryQueue, type QueueOptions } from './delivery-queue.ts';

export type { WaitingDelivery } from './delivery.ts';
export type { DeliveryPort } from './delivery-queue.ts';
export type DispatcherOptions = QueueOptions;

export type ResendAnswer = 'resent' | 'waiting' | 'unknown' | 'receiverDisabled';

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #queues = new Map<string, DeliveryQueue>();
  /** Queues of receivers that are disabled, until their last attempt is recorded. */
  readonly #ending = new Set<DeliveryQueue>();
  readonly #resending = new Set<string>();
  readonly #closing = new AbortController();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * The receivers that exist and are not disabled. New ones begin with what waits for them in the store, changed ones go on
   * with their queues, those no longer listed are disabled.
   */
  setReceivers(receivers: readonly Receiver[]): void {
    const listed = new Set(receivers.map(receiverKey));
    for (const queue of [...this.#queues.values()]) {
      if (!listed.has(receiverKey(queue.receiver))) this.disable(queue.receiver);
    }
    for (const receiver of receivers) this.enable(receiver);
  }

  enable(receiver: Receiver): void {
    if (this.#closing.signal.aborted) return;
    const key = receiverKey(receiver);
    let queue = this.#queues.get(key);
    if (queue === undefined) {
      queue = new DeliveryQueue(receiver, this.#options, () => this.disable(receiver));
      this.#queues.set(key, queue);
    }
    queue.receiver = receiver;
    queue.wake();
  }

  /** No attempt starts any more. The rows are the board's to cancel, in the commit that disables the receiver. */
  disable(receiver: ReceiverRef): void {
    const key = receiverKey(receiver);
    const queue = this.#queues.get(key);
    if (queue === undefined) return;
    queue.stop('disabled');
    this.#queues.delete(key);
    this.#ending.add(queue);
    void queue.whenIdle().then(() => this.#ending.delete(queue));
  }

  /** After a commit with something new for this receiver. */
  wake(receiver: ReceiverRef): void {
    this.#queues.get(receiverKey(receiver))?.wake();
  }

  /** A delivery that is done with, whatever became of it, is sent again: at once, with the same id and a new schedule. */
  async resend(id: string): Promise<ResendAnswer> {
    if (this.#resending.has(id)) return 'waiting';
    this.#resending.add(id);
    try {
      const delivery = await this.#options.port.load(id);
      if (delivery === undefined) return 'unknown';
      if (delivery.state === 'waiting') return 'waiting';
      const queue = this.#queueOf(delivery);
      if (queue === undefined) return 'receiverDisabled';
      const again = sentAgain(delivery, this.#options.clock.now());
      await this.#options.port.record(again);
      queue.add(again);
      return 'resent';
    } finally {
      this.#resending.delete(id);
    }
  }

  /** One attempt outside of all queues, kept nowhere: is the receiver set up well? */
  test(receiver: Receiver, notification: Notification): Promise<Sending> {
    return sendWithin(this.#options, notification, receiver, this.#closing.signal);
  }

  /** Attempts under way may end within `graceMs`; what does not stays waiting, and is sent by the next process. */
  async close(graceMs: number): Promise<void> {
    const queues = [...this.#queues.values(), ...this.#ending];
    for (const queue of this.#queues.values()) queue.stop('closing');
    this.#queues.clear();
    this.#closing.abort(new Error('the server is closing'));
    const idle = Promise.all(queues.map((queue) => queue.whenIdle()));
    const cancel = this.#options.timer(graceMs, () => {
      for (const queue of queues) queue.abort();
    });
    await idle;
    cancel();
  }

  #queueOf({ notification: { tenant, receiver } }: Delivery): DeliveryQueue | undefined {
    return this.#queues.get(receiverKey({ tenant, name: receiver }));
  }
}
