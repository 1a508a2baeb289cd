import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../src/config.ts';

const BROKERS = 'brokers: [kafka:9092]';

test('a source needs a name, brokers and topics; the rest has defaults', (t) => {
  const loaded = load(t, `{name: orders, ${BROKERS}, topics: [shop.orders]}`);
  if (!loaded.ok) return t.fail(JSON.stringify(loaded.error));
  t.deepEqual(loaded.value.config.sources, [
    {
      name: 'orders',
      brokers: ['kafka:9092'],
      clientId: 'streamgauge',
      topics: ['shop.orders'],
      start: 'earliest',
      format: 'json',
      tenant: 'default',
      stream: 'events',
      key: { record: 'key' },
      fields: {},
    },
  ]);
});

test('every property of an event may come from elsewhere', (t) => {
  const source = `{
    name: orders, ${BROKERS}, topics: [a, b], group: g, instance: one, start: "2026-01-31T00:00:00Z",
    format: ndjson, tenant: {header: t, allow: [x, y]}, stream: {field: kind}, type: {header: k},
    key: none, id: {record: key}, time: {header: at}, fields: {order_id: id},
    tls: {caFile: ca.pem}
  }`;
  const loaded = load(t, source);
  if (!loaded.ok) return t.fail(JSON.stringify(loaded.error));
  const [found] = loaded.value.config.sources;
  t.like(found, {
    start: Date.UTC(2026, 0, 31),
    tenant: { header: 't', allow: ['x', 'y'], refusedTo: 'default' },
    stream: { field: 'kind' },
    type: { header: 'k' },
    key: 'none',
    id: { record: 'key' },
    time: { header: 'at' },
    fields: { order_id: 'id' },
  });
  t.regex(found?.tls?.caFile ?? '', /^\/.*\/ca\.pem$/);
});

const of = (more: string) => `{name: a, ${BROKERS}, topics: [t], ${more}}`;
const WRONG = {
  [`{${BROKERS}, topics: [t]}`]: 'sources[0].name',
  '{name: a, topics: [t]}': 'sources[0].brokers',
  [`{name: a, ${BROKERS}, topics: []}`]: 'sources[0].topics',
  [`{name: a, ${BROKERS}, topics: [a/b]}`]: 'sources[0].topics[0]',
  [`{name: a, ${BROKERS}, topics: [t, t]}`]: 'sources[0].topics',
  [of('start: yesterday')]: 'sources[0].start',
  [of('start: "2126-01-31T00:00:00Z"')]: 'sources[0].start',
  [of('format: avro')]: 'sources[0].format',
  [of('tenant: a/b')]: 'sources[0].tenant',
  [of('tenant: {header: t}')]: 'sources[0].tenant',
  [of('stream: {header: a, field: b}')]: 'sources[0].stream',
  [of('stream: {record: key}')]: 'sources[0].stream',
  [of('stream: {field: kind}, format: msgpack')]: 'sources[0].stream',
  [of('key: {field: user}')]: 'sources[0].key',
  [of('id: none')]: 'sources[0].id',
  [of('time: {record: key}')]: 'sources[0].time',
  [of('fields: {a: id, b: id}')]: 'sources[0].fields',
  [of('fields: [a]')]: 'sources[0].fields',
  [of('sasl: {mechanism: PLAIN}')]: 'sources[0].sasl',
  [`${of('')}, ${of('')}`]: 'sources[1].name',
  [`${of('group: g')}, {name: b, ${BROKERS}, topics: [t], group: g}`]: 'sources[1].group',
};
for (const [source, key] of Object.entries(WRONG)) {
  test(`refused for ${key}: ${source}`, (t) => {
    const loaded = load(t, source);
    const keys = loaded.ok ? [] : loaded.error.map((problem) => problem.key);
    t.true(keys.length > 0 && keys.every((found) => found === key), keys.join());
  });
}

test('what is refused is told with what is allowed', (t) => {
  const loaded = load(t, of('key: {field: user}'));
  t.like(loaded.ok ? undefined : loaded.error[0], {
    message: 'expected {header: NAME}, {record: key} or none',
  });
});

const LOG = 'log: {type: kafka, kafka: {brokers: [Kafka-1:9092, kafka-2:9092], topic: gauge}}';
const READS_LOG = {
  'brokers: [kafka-2:9092, kafka-3:9092], topics: [shop, gauge]': ['sources[0].topics[1]'],
  'brokers: [kafka-1:09092], topics: [gauge]': ['sources[0].topics[0]'],
  'brokers: [kafka-1:9093], topics: [gauge]': [],
  'brokers: [kafka-1:9092], topics: [shop]': [],
};
for (const [source, expected] of Object.entries(READS_LOG)) {
  test(`of a source beside a log that is a topic, refused is ${expected.join() || 'nothing'}: ${source}`, (t) => {
    const loaded = load(t, `{name: a, ${source}}`, LOG);
    t.deepEqual(loaded.ok ? [] : loaded.error.map(({ key }) => key), expected);
  });
}

test('files of a source keep no server from starting, and are missed when all are looked for', (t) => {
  const source = of('tls: {caFile: none.pem}');
  t.true(load(t, source).ok);
  const checked = load(t, source, '', true);
  t.deepEqual(checked.ok ? [] : checked.error.map(({ key }) => key), ['sources[0].tls.caFile']);
});

function load(t: ExecutionContext, source: string, more = '', areAllFilesNeeded = false) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), `sources: [${source}]\n${more}`);
  return loadConfig({ cwd, env: {}, areAllFilesNeeded });
}
