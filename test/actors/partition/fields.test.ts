import test from 'ava';
import { Fields, NO_FIELDS, type StoredFields } from '../../../actors/partition/fields.ts';
import { BlockColumns } from '../../../src/aggregate/block-columns.ts';
import { fieldsPort } from '../../../src/query/field-statistics.ts';
import {
  decodeFieldRow,
  decodeFieldSamples,
  decodeStreamRow,
} from '../../../storage/state/field-rows.ts';
import { fieldRange, fieldSamplesRange, parseFieldKey } from '../../../storage/state/keys.ts';
import { eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';

const NOW_MS = 1_760_000_000_000;
const AT = { tenant: 'default', stream: 'events' };

const look = (fields: Fields, events: readonly PlainEvent[], atMs: number, stream = 'events') => {
  const block = eventBlock(events, { arrivalMs: atMs, stream });
  fields.look(block, new BlockColumns().load(block), undefined, events.length, atMs);
};

/** Writes what has changed, and reads everything. */
async function commit(fields: Fields, store: MemoryStore) {
  await store.commit(fields.changes());
  fields.committed();
  const streams: StoredFields['streams'][number][] = [];
  const rows: StoredFields['fields'][number][] = [];
  for (const { key, value } of await store.page(fieldRange(0, AT.tenant), 10_000)) {
    const at = parseFieldKey(key);
    if (at.field === '') streams.push({ ...at, ...decodeStreamRow(value) });
    else rows.push({ ...at, ...decodeFieldRow(value) });
  }
  return { streams, fields: rows };
}

async function samplesOf(store: MemoryStore, field: string): Promise<readonly string[]> {
  const rows = await store.page(fieldSamplesRange(0, AT.tenant, AT.stream), 10_000);
  const row = rows.find(({ key }) => parseFieldKey(key).field === field);
  return row === undefined ? [] : decodeFieldSamples(row.value);
}

const events = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({
    type: ['a', 'b'][i % 2] as string,
    user: `u${from + i}`,
    ...(i % 4 === 0 && { amount: i }),
  }));

test('what is restored from a commit goes on as what was never stopped', async (t) => {
  const [store, other] = [new MemoryStore(), new MemoryStore()];
  const all = new Fields(0, NO_FIELDS);
  look(all, events(2_000), NOW_MS);
  const stored = await commit(all, store);
  const restored = new Fields(0, stored, all.paidToMs);
  t.deepEqual(restored.changes(), []);
  for (const [fields, into] of [
    [all, store],
    [restored, other],
  ] as const) {
    look(fields, events(2_000, 1_000), NOW_MS + 100);
    look(fields, [{ type: 'late', rare: true }], NOW_MS + 200);
    await commit(fields, into);
  }
  t.is(all.paidToMs, restored.paidToMs);
  const of = async (each: MemoryStore) => each.page(fieldRange(0, AT.tenant), 100);
  t.deepEqual(await of(store), await of(other));
  const { streams, fields } = await commit(all, store);
  t.deepEqual(streams, [{ ...AT, field: '', looked: 4_001, hasOthers: false }]);
  t.like(
    fields.find(({ field }) => field === 'rare'),
    { booleans: 1, texts: 0, lookedBefore: 4_000, firstMs: NOW_MS + 200, lastMs: NOW_MS + 200 },
  );
  t.like(
    fields.find(({ field }) => field === 'amount'),
    { numbers: 1_000, lookedBefore: 0, firstMs: NOW_MS, lastMs: NOW_MS + 100 },
  );
});

/** Of `fields` fields each. */
const wide = (count: number, fields: number) =>
  Array.from({ length: count }, (_, i) =>
    Object.fromEntries(Array.from({ length: fields }, (_, field) => [`f${field}`, i])),
  );

test('past a rate, of wide events a lower one, whole blocks are passed over until what was looked at is paid for', async (t) => {
  // 1,000 events a block, 20,000 a second, for ten seconds; 3,000 a second of eight fields are looked at, and ten seconds' worth at once.
  for (const [width, least, most] of [
    [8, 28_000, 38_000],
    [32, 7_000, 10_000],
  ] as const) {
    const fields = new Fields(0, NO_FIELDS);
    const store = new MemoryStore();
    const looked = async () => (await commit(fields, store)).streams[0]?.looked;
    const block = wide(1_000, width);
    for (let i = 0; i < 200; i++) look(fields, block, NOW_MS + i * 50);
    const atFullLoad = (await looked()) ?? 0;
    t.true(atFullLoad >= least && atFullLoad <= most, String(atFullLoad));
    look(fields, wide(1, width), NOW_MS + 60_000);
    t.is(await looked(), atFullLoad + 1);
  }
});

test('a block is paid for as 64 events more than it has, so that small ones are passed over sooner', async (t) => {
  const fields = new Fields(0, NO_FIELDS);
  const store = new MemoryStore();
  // Of eight fields, 20 a block, 400 blocks a second for a second: ten seconds' worth is 30,000 events, or 357 blocks.
  for (let i = 0; i < 400; i++) look(fields, wide(20, 8), NOW_MS + Math.floor(i / 400) * 1_000);
  const looked = (await commit(fields, store)).streams[0]?.looked ?? 0;
  t.true(looked >= 7_000 && looked <= 7_200, String(looked));
});

test('a tenant that names streams and fields without end leaves room for others, and is told that there are more', async (t) => {
  const fields = new Fields(0, NO_FIELDS);
  const store = new MemoryStore();
  const lookAs = (tenant: string, stream: string, event: PlainEvent) => {
    const block = eventBlock([event], { arrivalMs: NOW_MS, tenant, stream });
    fields.look(block, new BlockColumns().load(block), undefined, 1, NOW_MS);
  };
  const numbered = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, n) => `${prefix}${n}`);
  const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 1]));
  for (const [n, stream] of numbered(70, 's').entries()) {
    lookAs('greedy', stream, named(numbered(20, `f${n}_`)));
  }
  lookAs('modest', 'events', named(['x']));
  await store.commit(fields.changes());
  fields.committed();
  const keys = async (tenant: string) =>
    (await store.page(fieldRange(0, tenant), 10_000)).map(({ key }) => parseFieldKey(key));
  const greedy = await keys('greedy');
  t.is(greedy.filter(({ field }) => field !== '').length, 512);
  t.is(greedy.filter(({ stream, field }) => stream !== '' && field === '').length, 64);
  t.deepEqual(
    (await keys('modest')).map(({ field }) => field),
    ['', 'x'],
  );
  const port = fieldsPort(store, 1);
  t.like(await port('greedy', 's0'), { events: 1, hasOthers: false });
  t.like(await port('greedy', 's60'), { events: 1, hasOthers: true, fields: [] });
  t.like(await port('greedy', 's69'), { events: 0, hasOthers: true, fields: [] });
  t.like(await port('modest', 'never'), { events: 0, hasOthers: false });
  lookAs('greedy', 's69', named(['x']));
  t.deepEqual(fields.changes(), [], 'it is told once');
});

test('a field that only events have which are left out is none', async (t) => {
  const fields = new Fields(0, NO_FIELDS);
  const block = eventBlock([{ type: 'a' }, { type: 'a', twice: 'x', n: 1 }], {
    arrivalMs: NOW_MS,
  });
  fields.look(block, new BlockColumns().load(block), Uint8Array.of(1, 0), 1, NOW_MS);
  look(fields, [{ type: 'a', later: 'y' }], NOW_MS);
  const stored = await commit(fields, new MemoryStore());
  t.deepEqual(
    stored.fields.map(({ field }) => field),
    ['later', 'type'],
  );
});

test('fields past the bound and names that no key holds are told of, and change nothing else', async (t) => {
  const fields = new Fields(0, NO_FIELDS);
  const named = (names: readonly string[]) =>
    Object.fromEntries(names.map((name) => [name, 1] as const));
  const names = Array.from({ length: 300 }, (_, i) => `f${i}`);
  look(fields, [{ type: 'a', ...named(['', 'nul\0', 'x'.repeat(257)]) }], NOW_MS);
  const store = new MemoryStore();
  const first = await commit(fields, store);
  t.deepEqual(
    first.fields.map(({ field }) => field),
    ['type'],
  );
  t.true(first.streams[0]?.hasOthers);
  look(fields, [{ type: 'a', ...named(names) }], NOW_MS);
  look(fields, [{ type: 'b' }], NOW_MS, 'other');
  const second = await commit(fields, store);
  t.is(second.fields.filter(({ stream }) => stream === 'events').length, 256);
  t.is(second.streams.find(({ stream }) => stream === 'other')?.hasOthers, false);
});

test('samples are of the newest block that has the field: what was erased is not written again', async (t) => {
  const fields = new Fields(0, NO_FIELDS);
  const store = new MemoryStore();
  look(fields, events(10), NOW_MS);
  await commit(fields, store);
  t.deepEqual(await samplesOf(store, 'user'), ['u0', 'u1', 'u2', 'u3', 'u4']);
  look(fields, [{ type: 'a', user: 'u6' }], NOW_MS);
  look(fields, [{ type: 'a' }], NOW_MS);
  await commit(fields, store);
  t.deepEqual(await samplesOf(store, 'user'), ['u6']);
  await store.clear(fieldSamplesRange(0, AT.tenant, AT.stream));
  look(fields, [{ type: 'a' }], NOW_MS);
  await commit(fields, store);
  t.deepEqual(await samplesOf(store, 'user'), []);
});
