import { mock } from 'node:test';
import test from 'ava';
import { type Connection, openLive } from '../../../src/dashboard/server/graph.ts';

/** A server that takes whoever connects and answers pings, until it falls silent; its connections stay open. */
class FakeSocket {
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CONNECTING = 0;
  static readonly CLOSED = 3;
  static made = 0;
  static isSilent = false;
  readyState = FakeSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;

  constructor() {
    FakeSocket.made += 1;
    if (FakeSocket.isSilent) return;
    queueMicrotask(() => {
      this.readyState = FakeSocket.OPEN;
      this.onopen?.();
    });
  }

  send(text: string): void {
    if (FakeSocket.isSilent) return;
    const { type } = JSON.parse(text);
    const answer = { connection_init: 'connection_ack', ping: 'pong' }[type as string];
    if (answer === undefined) throw new Error(`expected a greeting or a ping, received ${text}`);
    queueMicrotask(() => this.onmessage?.({ data: JSON.stringify({ type: answer }) }));
  }

  close(): void {
    this.readyState = FakeSocket.CLOSED;
  }
}

/** What promises do meanwhile is done, too. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    mock.timers.tick(1_000);
    await new Promise(setImmediate);
  }
}

test.serial('a server that falls silent counts as gone, and is connected to anew', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  Object.assign(globalThis, {
    WebSocket: FakeSocket,
    CloseEvent: class {},
    location: { protocol: 'http:', host: 'localhost' },
  });
  const told: Connection[] = [];
  const live = openLive(
    (connection) => told.push(connection),
    () => t.fail('nobody is refused'),
  );
  t.teardown(() => live.close());
  await pass(60_000);
  t.deepEqual(told, ['open'], 'pings that are answered keep it');
  FakeSocket.isSilent = true;
  await pass(21_000);
  t.is(told[1], 'lost');
  await pass(60_000);
  t.true(FakeSocket.made >= 3, 'an attempt that nobody answers is given up for another one');
  FakeSocket.isSilent = false;
  await pass(60_000);
  t.is(told.at(-1), 'open');
});
