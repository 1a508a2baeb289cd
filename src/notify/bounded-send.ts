/** One attempt within its time: a sender that does not end by itself is left behind. */
import type { Clock } from '../model/clock.ts';
import type { Notification, Receiver } from '../model/notification.ts';
import type { Senders, Sending } from './delivery.ts';
import { ABORT_GRACE_MS } from './limits.ts';
import type { Timer } from './timer.ts';

export interface SendingTime {
  readonly senders: Senders;
  readonly clock: Clock;
  readonly timer: Timer;
}

/** @param ending aborts the attempt before its time is over */
export async function sendWithin(
  { senders, clock, timer }: SendingTime,
  notification: Notification,
  receiver: Receiver,
  ending: AbortSignal,
): Promise<Sending> {
  const { timeoutMs } = receiver;
  const atMs = clock.now();
  const timeout = new AbortController();
  const signal = AbortSignal.any([timeout.signal, ending]);
  const inTime = `not done within ${timeoutMs} ms`;
  let cancelTimer = timer(timeoutMs, () => timeout.abort(new Error(inTime)));
  let giveUp = () => {};
  const leftBehind = new Promise<Sending>((resolve) => {
    giveUp = () => {
      const durationMs = Math.max(0, clock.now() - atMs);
      resolve({ attempt: { atMs, durationMs, outcome: 'failed', detail: inTime } });
    };
  });
  const onAbort = () => {
    cancelTimer();
    cancelTimer = timer(ABORT_GRACE_MS, giveUp);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([senders.send(notification, receiver, signal), leftBehind]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    cancelTimer();
  }
}
