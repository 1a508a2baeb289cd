/** What tests of notifications share: messages, receivers, a store in memory, time that moves when told, local servers. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import type {
  Delivery,
  Notification,
  NotifiedAlarm,
  Receiver,
  ReceiverRef,
  WebhookReceiver,
} from '../../src/model/notification.ts';
import { receiverKey, type Senders, waitingForm } from '../../src/notify/delivery.ts';
import type { DeliveryPort, WaitingDelivery } from '../../src/notify/dispatcher.ts';

/** 2026-11-21T08:00:00Z. */
export const NOW_MS = 1_795_248_000_000;
export const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
export const OTHER_SECRET = `whsec_${Buffer.from('another one of thirty-two bytes!').toString('base64')}`;

export const alarmOf = (changes: Partial<NotifiedAlarm> = {}): NotifiedAlarm => ({
  status: 'firing',
  state: 'firing',
  severity: 'critical',
  labels: { alertname: 'errors', severity: 'critical', stream: 'web', tenant: 'acme', host: 'a"1' },
  annotations: { summary: 'Errors on a"1\nare at 12' },
  startsAtMs: NOW_MS - 90_000,
  value: 12.3456789,
  threshold: 10,
  fingerprint: '00000000000000ab',
  transition: { from: 'pending', to: 'firing', reason: 'abnormalLongEnough', atMs: NOW_MS },
  ...changes,
});

export const notificationOf = (changes: Partial<Notification> = {}): Notification => ({
  id: 'msg_1',
  tenant: 'acme',
  receiver: 'ops',
  createdAtMs: NOW_MS,
  groupKey: '{}:{alertname="errors"}',
  groupLabels: { alertname: 'errors' },
  externalUrl: 'http://gauge.example:8081',
  alarms: [alarmOf()],
  truncatedAlarms: 0,
  ...changes,
});

const base = {
  name: 'ops',
  tenant: 'acme',
  sendResolved: true,
  concurrency: 2,
  timeoutMs: 10_000,
  retry: { waitMsMin: 1_000, waitMsMax: 300_000, giveUpAfterMs: 24 * 3_600_000 },
};
export const consoleOf = (): Receiver => ({ ...base, kind: 'console', bell: true });
export const webhookOf = (changes: Partial<WebhookReceiver> = {}): WebhookReceiver => ({
  ...base,
  kind: 'webhook',
  url: 'http://127.0.0.1:1/',
  method: 'POST',
  headers: {},
  secrets: [],
  allowNetworks: ['127.0.0.0/8', '::1'],
  ...changes,
});

export const deliveryOf = (sequence: number, changes: Partial<Notification> = {}): Delivery => ({
  notification: notificationOf({
    id: `msg_${sequence}`,
    groupKey: `group ${sequence}`,
    ...changes,
  }),
  sequence,
  state: 'waiting',
  attemptCount: 0,
  attempts: [],
});

/** The board's store, in memory. */
export class Outbox implements DeliveryPort {
  readonly rows = new Map<string, Delivery>();
  /** Everything that was written, in order. */
  readonly written: Delivery[] = [];
  readonly goneReceivers: ReceiverRef[] = [];
  /** While it is true the store refuses. */
  broken = false;

  put(...deliveries: Delivery[]): void {
    for (const delivery of deliveries) this.rows.set(delivery.notification.id, delivery);
  }

  row(id: string): Delivery {
    const row = this.rows.get(id);
    if (row === undefined) throw new Error(`no row ${id}`);
    return row;
  }

  async waiting(receiver: ReceiverRef, after: number, limit: number): Promise<WaitingDelivery[]> {
    this.#check();
    return this.#of(receiver)
      .filter(({ state, sequence }) => state === 'waiting' && sequence > after)
      .sort((a, b) => a.sequence - b.sequence)
      .slice(0, limit)
      .map(waitingForm);
  }

  async load(id: string): Promise<Delivery | undefined> {
    this.#check();
    return this.rows.get(id);
  }

  async record(delivery: Delivery): Promise<void> {
    this.#check();
    this.put(delivery);
    this.written.push(delivery);
  }

  async gone(receiver: ReceiverRef, delivery: Delivery): Promise<void> {
    await this.record(delivery);
    this.goneReceivers.push(receiver);
    this.cancel(receiver);
  }

  cancel(receiver: ReceiverRef): void {
    for (const row of this.#of(receiver)) {
      if (row.state === 'waiting') this.put({ ...row, state: 'cancelled' });
    }
  }

  #of(receiver: ReceiverRef): Delivery[] {
    return [...this.rows.values()].filter(
      ({ notification }) =>
        receiverKey({ tenant: notification.tenant, name: notification.receiver }) ===
        receiverKey(receiver),
    );
  }

  #check(): void {
    if (this.broken) throw new Error('the disk is full');
  }
}

/** Time that only moves when told. */
export class ManualTime {
  nowMs = NOW_MS;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  readonly clock = { now: (): number => this.nowMs };
  readonly timer = (ms: number, run: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  };

  get waits(): number {
    return this.#timers.size;
  }

  /** To the earliest timer, which runs. Answers how long that took. */
  next(): number {
    const [first] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
    if (first === undefined) throw new Error('nothing waits');
    const passedMs = first.atMs - this.nowMs;
    this.nowMs = first.atMs;
    this.#timers.delete(first);
    first.run();
    return passedMs;
  }
}

/** A sender that is told by the test how each attempt ends. */
export function scripted(
  time: ManualTime,
  end: (notification: Notification, receiver: Receiver) => Partial<Delivery['attempts'][number]>,
): Senders & { readonly sent: string[] } {
  const sent: string[] = [];
  return {
    sent,
    async send(notification, receiver) {
      sent.push(notification.id);
      const attempt = {
        atMs: time.nowMs,
        durationMs: 0,
        outcome: 'delivered',
        detail: '',
      } as const;
      return { attempt: { ...attempt, ...end(notification, receiver) } };
    },
  };
}

/** Turns of the event loop until it holds; the test's own time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}

/** Everything that waits for nothing outside has happened. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 20; turns++) await turn();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A real HTTP server; the answer is its address. `received` holds what came, in order. */
export async function serve(
  t: ExecutionContext,
  answer: RequestListener,
  host = '127.0.0.1',
): Promise<{ readonly url: string; readonly port: number; readonly received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    received.push({ method, path, headers, body: await text(request) });
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, host, listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://${host}:${port}/`, port, received };
}

/** A real TCP server. */
export async function listen(t: ExecutionContext, onSocket: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
