import test from 'ava';
import { BlockColumns, FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { eventBlock } from './event-blocks.ts';

const NOW = 1_760_000_000_000;

function texts(columns: BlockColumns, field: string): (string | null)[] | undefined {
  const labels = columns.labels(field);
  if (labels === undefined) return undefined;
  const { bytes, offsets } = labels.entries;
  return Array.from(labels.codes.subarray(0, columns.rows), (code) =>
    code === 0 ? null : Buffer.from(bytes.subarray(offsets[code - 1], offsets[code])).toString(),
  );
}

test('a field of several kinds is one column of texts; only numbers are numbers', (t) => {
  const events = [{ v: 'x' }, { v: 2 }, { v: false }, { other: 1 }, { v: '2' }, { v: true }];
  const columns = new BlockColumns().load(eventBlock(events, { arrivalMs: NOW }));
  t.deepEqual(texts(columns, 'v'), ['x', '2', 'false', null, '2', 'true']);
  const numbers = columns.numbers('v')?.subarray(0, 6);
  t.deepEqual([...(numbers ?? [])], [NaN, 2, NaN, NaN, NaN, NaN]);
  t.is(columns.numbers('nothing'), undefined);
  t.is(columns.labels('nothing'), undefined);
  const registers = [...(columns.registers('v')?.subarray(0, 6) ?? [])];
  t.is(registers[1], registers[4], 'the same text is the same value');
  t.is(registers[3], 0);
});

test('type, id and ts are fields too', (t) => {
  const events = [{ id: 'i1', type: 'view', ts: NOW }];
  const columns = new BlockColumns().load(eventBlock(events, { arrivalMs: NOW }));
  t.deepEqual(texts(columns, 'type'), ['view']);
  t.deepEqual(texts(columns, 'id'), ['i1']);
  t.deepEqual(texts(columns, 'ts'), [String(NOW)]);
  t.is(columns.ids(), columns.labels('id'));
});

test('absent times are the arrival, times beyond tolerance too', (t) => {
  const columns = new BlockColumns();
  const times = (ts: readonly (number | null)[]) => {
    columns.load(
      eventBlock(
        ts.map((each) => ({ ts: each, a: 1 })),
        { arrivalMs: NOW },
      ),
    );
    const { values, minMs, maxMs, clamped } = columns.eventTimes(NOW);
    return { values: [...values.subarray(0, ts.length)], minMs, maxMs, clamped };
  };
  const edge = NOW + FUTURE_TOLERANCE_MS;
  t.deepEqual(times([NOW - 5, edge]), {
    values: [NOW - 5, edge],
    minMs: NOW - 5,
    maxMs: edge,
    clamped: false,
  });
  t.deepEqual(times([NOW - 5, edge + 1]), {
    values: [NOW - 5, NOW],
    minMs: NOW - 5,
    maxMs: NOW,
    clamped: true,
  });
  t.deepEqual(times([NOW - 5, null]), {
    values: [NOW - 5, NOW],
    minMs: NOW - 5,
    maxMs: NOW,
    clamped: false,
  });
  t.deepEqual(times([null, null]), { values: [NOW, NOW], minMs: NOW, maxMs: NOW, clamped: false });
});

test('what a block gave is gone with the next block', (t) => {
  const columns = new BlockColumns().load(eventBlock([{ a: 'x' }, { a: 'y' }], { arrivalMs: NOW }));
  t.deepEqual(texts(columns, 'a'), ['x', 'y']);
  columns.load(eventBlock([{ b: 1 }], { arrivalMs: NOW }));
  t.is(columns.labels('a'), undefined);
  t.is(columns.rows, 1);
});

test('a dictionary with more texts than rows gives the same registers', (t) => {
  const columns = new BlockColumns();
  const block = eventBlock([{ v: 'b' }, { other: 1 }, { v: 'd' }], { arrivalMs: NOW });
  const expected = [...(columns.load(block).registers('v')?.subarray(0, 3) ?? [])];
  const entries = {
    count: 5,
    offsets: Uint32Array.from([0, 1, 2, 3, 4, 5]),
    bytes: Buffer.from('abcde'),
  };
  columns.read({
    ...{ tenant: 'default', stream: 'events', rows: 3, tsMinMs: NOW, tsMaxMs: NOW },
    strings: () => ({ codes: Uint32Array.from([2, 0, 4]), entries }),
    numbers: () => undefined,
    booleans: () => undefined,
  });
  t.deepEqual([...(columns.registers('v')?.subarray(0, 3) ?? [])], expected);
});
