/** Topics that another program's client has written, read as events. */

import { Producer } from '@platformatic/kafka';
import test from 'ava';
import { Packr } from 'msgpackr';
import {
  deadLettersOf,
  ledgerOf,
  makeTopic,
  prepareServer,
  sourcesOf,
  startScene,
  until,
  write,
} from './source-scene.ts';

const packr = new Packr({ useRecords: false });
const json = (value: object) => JSON.stringify(value);

test.serial(
  'records of each format are events, and what is bad is a dead letter that says where it lay',
  async (t) => {
    const scene = await startScene(t);
    const formats = ['json', 'ndjson', 'msgpack', 'cloudevents'] as const;
    for (const format of formats) await makeTopic(scene, format);
    const server = await prepareServer(
      t,
      scene,
      'server',
      formats.map((format) => ({ name: format, topics: [format], stream: format, format })),
    );
    await server.start();

    await write(scene, 'json', [
      { value: json({ type: 'a', n: 1 }), key: 'k1', timestamp: '1700000000000' },
      { value: json([{ type: 'b' }, { n: 2 }, { type: 'c', id: 'own' }]) },
      { value: '{"type": ' },
      { value: null },
    ]);
    await write(scene, 'ndjson', [{ value: '{"type":"a"}\n{"type":"b"}\n\nbad\n{"type":"c"}\n' }]);
    const packed = Buffer.concat([
      packr.pack({ type: 'a' }),
      packr.pack([{ type: 'b' }, { type: 7 }]),
    ]);
    await write(scene, 'msgpack', [{ value: packed }]);
    await write(scene, 'cloudevents', [
      {
        headers: { 'content-type': 'application/cloudevents+json' },
        value: json({
          specversion: '1.0',
          id: '1',
          source: '/shop',
          type: 'sold',
          time: '2023-11-14T22:13:20Z',
          data: { amount: 5 },
        }),
      },
      {
        headers: {
          ce_specversion: '1.0',
          ce_id: '1',
          ce_source: '/other',
          ce_type: 'sold',
          ce_time: '2023-11-14T22:13:20Z',
          'content-type': 'application/json',
        },
        value: json({ amount: 7 }),
      },
      // The same source and id: the same event.
      {
        headers: { ce_specversion: '1.0', ce_id: '1', ce_source: '/shop', ce_type: 'sold' },
        value: null,
      },
      { headers: { ce_specversion: '1.0', ce_id: '2', ce_type: 'sold' }, value: '1' },
    ]);

    t.like(await ledgerOf(server, 'json', 5), { applied: 3, rejected: 2, balanced: true });
    t.like(await ledgerOf(server, 'ndjson', 4), { applied: 3, rejected: 1, balanced: true });
    t.like(await ledgerOf(server, 'msgpack', 3), { applied: 2, rejected: 1, balanced: true });
    t.like(await ledgerOf(server, 'cloudevents', 4), { applied: 2, duplicate: 1, rejected: 1 });

    const letters = await until(async () => {
      const all = await deadLettersOf(server);
      return all.length >= 5 ? all : undefined;
    }, 'five dead letters');
    t.deepEqual(
      letters
        .map(({ stream, code, message }) => [stream, code, message.replace(/^[^(]*\(/, '(')])
        .sort(),
      [
        ['cloudevents', 'invalid_cloudevent', '(topic "cloudevents", partition 0, offset 3)'],
        ['json', 'invalid_json', '(topic "json", partition 0, offset 2)'],
        ['json', 'missing_type', '(topic "json", partition 0, offset 1)'],
        ['msgpack', 'invalid_type', '(topic "msgpack", partition 0, offset 0)'],
        ['ndjson', 'invalid_json', '(topic "ndjson", partition 0, offset 0)'],
      ],
    );
    const all = await sourcesOf(server);
    t.deepEqual(
      all.map(({ name, problem, records, empty }) => [name, problem, records, empty]),
      [
        ['json', null, 4, 1],
        ['ndjson', null, 1, 0],
        ['msgpack', null, 1, 0],
        ['cloudevents', null, 4, 0],
      ],
    );
    await server.stop();
  },
);

test.serial(
  'records are read whatever they are compressed with, from where the source is to begin',
  async (t) => {
    const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
    const EACH = 500;
    const scene = await startScene(t);
    await makeTopic(scene, 'packed', 2);
    const at = Date.UTC(2026, 0, 1);
    for (const [i, compression] of CODECS.entries()) {
      const { addresses } = scene.kafka;
      const bootstrapBrokers = [...addresses];
      const client = { clientId: 'tests', bootstrapBrokers, compression, idempotent: true };
      const producer = new Producer(client);
      const messages = Array.from({ length: EACH }, (_, n) => ({
        topic: 'packed',
        partition: n % 2,
        timestamp: BigInt(at + i * 86_400_000),
        value: Buffer.from(json({ type: compression, n })),
      }));
      await producer.send({ messages });
      await producer.close();
    }
    const from = (name: string, start: string) => ({
      name,
      topics: ['packed'],
      stream: name,
      start,
    });
    const server = await prepareServer(t, scene, 'server', [
      from('all', 'earliest'),
      from('later', '2026-01-03T00:00:00Z'),
      from('new', 'latest'),
    ]);
    await server.start();
    const ledger = await ledgerOf(server, 'all', CODECS.length * EACH);
    t.like(ledger, { applied: CODECS.length * EACH, rejected: 0 });
    t.like(await ledgerOf(server, 'later', 2 * EACH), { applied: 2 * EACH });
    await until(async () => {
      const [, , source] = await sourcesOf(server);
      const isThere = source?.partitions.length === 2 && source.problem === null;
      return isThere && source.partitions.every(({ lag }) => lag === 0) ? true : undefined;
    }, 'the newest to be waited for');
    await write(scene, 'packed', [{ value: json({ type: 'new' }) }]);
    t.like(await ledgerOf(server, 'new', 1), { received: 1, applied: 1 });
    t.like(await ledgerOf(server, 'all', CODECS.length * EACH + 1), { duplicate: 0 });
    await server.stop();
  },
);

test.serial(
  'a source without its topic says so and holds up nobody; the topic is read once it is there',
  async (t) => {
    const scene = await startScene(t);
    await makeTopic(scene, 'there');
    const server = await prepareServer(t, scene, 'server', [
      { name: 'waiting', topics: ['missing'], stream: 'missing', type: 'a' },
      { name: 'reading', topics: ['there'], stream: 'there', type: 'a' },
    ]);
    await server.start();
    await write(scene, 'there', [{ value: '{}' }]);
    await ledgerOf(server, 'there', 1);
    const [waiting] = await sourcesOf(server);
    t.is(waiting?.problem, 'topic "missing" is not there, or this user may not read it');
    await makeTopic(scene, 'missing');
    await write(scene, 'missing', [{ value: '{}' }]);
    await ledgerOf(server, 'missing', 1);
    await server.stop();
  },
);

test.serial(
  'topics are read into a log that is itself a topic, and a killed server goes on',
  async (t) => {
    const COUNT = 30_000;
    const scene = await startScene(t);
    await makeTopic(scene, 'orders', 3);
    const server = await prepareServer(
      t,
      scene,
      'server',
      [{ name: 'orders', topics: ['orders'], stream: 'orders', type: 'order' }],
      { log: { type: 'kafka', kafka: { brokers: scene.kafka.addresses, topic: 'log' } } },
    );
    await server.start();
    for (let n = 0; n < COUNT; n += 5_000) {
      const messages = Array.from({ length: 5_000 }, (_, i) => ({ value: json({ n: n + i }) }));
      await write(scene, 'orders', messages);
      if (n !== 10_000) continue;
      await server.kill();
      await server.start();
    }
    const ledger = await until(async () => {
      const now = await ledgerOf(server, 'orders', COUNT);
      return now.applied >= COUNT ? now : undefined;
    }, 'all events');
    t.like(ledger, { applied: COUNT, rejected: 0, balanced: true });
    t.is(ledger.received, COUNT + ledger.duplicate);
    await server.stop();
  },
);

test.serial('a source that turns out to be the log reads nothing, and says why', async (t) => {
  const scene = await startScene(t);
  const brokers = scene.kafka.addresses;
  // Under another name, so that the configuration does not show it.
  const renamed = brokers.map((address) => address.replace('127.0.0.1', 'localhost'));
  const server = await prepareServer(
    t,
    scene,
    'server',
    [{ name: 'loop', brokers: renamed, topics: ['log'] }],
    { log: { type: 'kafka', kafka: { brokers, topic: 'log' } } },
  );
  await server.start();
  const found = await until(async () => {
    const [source] = await sourcesOf(server);
    return source?.problem === null ? undefined : source;
  }, 'a problem');
  t.regex(found.problem ?? '', /^topic "log" is this server's own log/);
  t.like(found, { records: 0, partitions: [] });
  await server.stop();
});
