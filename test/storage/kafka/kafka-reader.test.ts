import { createServer } from 'node:net';
import test from 'ava';
import { offset } from '../../../src/model/units.ts';
import { openKafkaReader } from '../../../storage/kafka/kafka-reader.ts';
import { createLogShared } from '../../../storage/log/log-shared.ts';

test('a read that nothing comes of says why, and the next waits again', async (t) => {
  // Takes connections and ends them, as a port forwarder does whose broker is away.
  const server = createServer((socket) => socket.destroy());
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  const broker = `127.0.0.1:${typeof at === 'object' ? at?.port : at}`;
  const reader = openKafkaReader({
    connection: { brokers: [broker] },
    ...{ topic: 'events', id: 'c/t', offsetBase: 0, patienceMs: 100 },
    shared: createLogShared(1, 'kafka'),
    from: new Map([[0, offset(0)]]),
  });
  t.teardown(() => reader.close());
  for (let i = 0; i < 2; i++) {
    const { message } = await t.throwsAsync(reader.read(1_000), { code: 'log_away' });
    t.true(message.startsWith(`reading the topic failed: no broker answers, of ${broker}`));
  }
  const waiting = reader.read(1_000);
  reader.close();
  t.deepEqual((await waiting).blocks, []);
});
