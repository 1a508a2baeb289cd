/** One attempt with the real senders, for tests. */
import type { LookupFunction } from 'node:net';
import type { Notification, Receiver } from '../../src/model/notification.ts';
import type { Sending } from '../../src/notify/delivery.ts';
import { createSenders } from '../../src/notify/senders.ts';
import { silent } from '../actors/scripted-clock.ts';
import { NOW_MS, notificationOf } from './stage.ts';

export function sendBy(
  receiver: Receiver,
  options: {
    readonly notification?: Notification;
    readonly resolve?: LookupFunction;
    readonly signal?: AbortSignal;
    readonly nowMs?: number;
  } = {},
): Promise<Sending> {
  const { notification = notificationOf(), signal = new AbortController().signal } = options;
  const senders = createSenders({
    clock: { now: () => options.nowMs ?? NOW_MS },
    terminal: process.stdout,
    colour: false,
    log: silent,
    ...(options.resolve && { resolve: options.resolve }),
  });
  return senders.send(notification, receiver, signal);
}
