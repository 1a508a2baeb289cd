/** Single events of a running server, in the archive and in the log behind it. */
import test from 'ava';
import { archive, ask, type Found, openSite, page, type Site, send } from './site.ts';

const START_MS = 1_790_000_000_000;
let here: Site;

test.before(async () => {
  here = await openSite();
});
test.after.always(() => here?.close());

const purchase = (n: number) => ({
  id: `p${n}`,
  type: n % 2 === 0 ? 'buy' : 'look',
  ts: START_MS + n * 1_000,
  user: `u${n % 10}`,
  amount: n / 4,
  vip: n % 3 === 0,
});
const purchases = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => purchase(from + i));
const ids = (events: readonly { readonly id: string }[]) => events.map(({ id }) => id);
const newestFirst = (events: readonly { readonly id: string; readonly ts: number }[]) =>
  ids([...events].sort((a, b) => b.ts - a.ts));

test('events come back as they were sent, newest first, once each, wherever they are', async (t) => {
  const stream = 'once';
  await archive(here, await send(here, stream, purchases(0, 200)));
  const position = await send(here, stream, [...purchases(100, 300), purchase(7)]);
  const { events, nextCursor } = await page(here, { stream, position });
  t.is(nextCursor, null);
  t.deepEqual(ids(events), newestFirst(purchases(0, 300)));
  const { id, type, ts, ...fields } = purchase(299);
  t.deepEqual(events[0], { id, type, ts, fields });
});

test('conditions judge columns, rare fields and fields of two kinds', async (t) => {
  const stream = 'kinds';
  const at = (id: string, n: number, rest: object) => ({
    id,
    type: 'x',
    ts: START_MS + n,
    ...rest,
  });
  const plain = Array.from({ length: 300 }, (_, n) => at(`b${n}`, n, { code: n, note: `no ${n}` }));
  await archive(here, await send(here, stream, plain));
  const late = [
    at('t', 1_000, { code: '7', rare: 'it is Here', flag: true }),
    at('u', 1_001, { code: 'seven', 'a.b': 12 }),
  ];
  const position = await send(here, stream, late);
  const found = async (where: object) =>
    ids((await page(here, { stream, where, position })).events);
  const expectations: readonly [object, readonly string[]][] = [
    [{ field: 'code', eq: 7 }, ['t', 'b7']],
    [{ field: 'code', eq: '7' }, ['t', 'b7']],
    [{ field: 'code', in: [298, 'seven'] }, ['u', 'b298']],
    [{ field: 'code', gte: 298 }, ['b299', 'b298']],
    [{ field: 'code', gt: 's' }, ['u']],
    [{ field: 'code', gt: 1e300 }, []],
    [{ and: [{ field: 'code', gt: 4, lt: 7 }, { not: { field: 'code', eq: 5 } }] }, ['b6']],
    [
      {
        or: [
          { field: 'rare', contains: 'Here' },
          { field: 'note', prefix: 'no 29' },
        ],
        field: 'id',
        in: ['t', 'b29', 'b1'],
      },
      ['t', 'b29'],
    ],
    [{ field: 'flag', eq: true }, ['t']],
    [{ field: 'a.b', eq: 12 }, ['u']],
    [{ field: 'note', exists: false }, ['u', 't']],
    [{ field: 'note', ne: 'no 1', exists: false }, ['u', 't']],
    [{ field: 'type', ne: 'x' }, []],
    [{ field: 'ts', gte: START_MS + 1_001 }, ['u']],
    [{ field: 'unheard', eq: 1 }, []],
    [{ field: "o'no\u0000", eq: "'); --\u0000" }, []],
  ];
  for (const [where, expected] of expectations) {
    t.deepEqual(await found(where), expected, JSON.stringify(where));
  }
  await archive(here, position);
  for (const [where, expected] of expectations) {
    t.deepEqual(await found(where), expected, `archived: ${JSON.stringify(where)}`);
  }
  t.deepEqual(ids((await page(here, { stream, contains: 'is Her' })).events), ['t']);
});

test('pages do not move while newer events arrive and older ones are archived', async (t) => {
  const stream = 'pages';
  let position = await send(here, stream, purchases(0, 100));
  const seen: Found[] = [];
  let after: string | null = null;
  for (let round = 0; ; round++) {
    const { events, nextCursor } = await page(here, { stream, first: 17, after, position });
    seen.push(...events);
    if (nextCursor === null) break;
    after = nextCursor;
    position = await send(here, stream, purchases(1_000 + round * 10, 1_010 + round * 10));
    if (round === 2) await archive(here, position);
  }
  t.deepEqual(ids(seen), newestFirst(purchases(0, 100)));
});

test('a range is of the events own time, its end exclusive', async (t) => {
  const stream = 'range';
  const position = await send(here, stream, purchases(0, 20));
  const found = await page(here, {
    stream,
    position,
    from: START_MS + 5_000,
    to: START_MS + 8_000,
  });
  t.deepEqual(ids(found.events), ['p7', 'p6', 'p5']);
});

test('an event is found by its id, and one that was never sent is not', async (t) => {
  const stream = 'single';
  const position = await send(here, stream, purchases(0, 20));
  const { found, none } = await ask<{ found: Found | null; none: Found | null }>(
    here,
    `query ($position: String!) {
      found: event(stream: "single", id: "p3", position: $position) { id fields }
      none: event(stream: "single", id: "p20") { id }
    }`,
    { position },
  );
  t.deepEqual(found?.fields, { user: 'u3', amount: 0.75, vip: true });
  t.is(none, null);
});

test('a stream without events has none', async (t) => {
  t.deepEqual(await page(here, { stream: 'silent' }), { events: [], nextCursor: null });
});

test('a cursor, a page or a condition that says nothing is refused with what to do', async (t) => {
  const refused = async (args: object, message: RegExp) => {
    await t.throwsAsync(page(here, { stream: 'range', ...args }), { message });
  };
  await refused({ after: 'nonsense' }, /nextCursor/);
  await refused({ first: 0 }, /must be 1 to 1000, received 0/);
  await refused({ where: { eq: 1 } }, /must name its field/);
  await refused({ where: { field: 'a' } }, /needs one of eq/);
  await refused({ where: {} }, /must name a field/);
  await refused({ position: 'x' }, /position/);
  await refused({ from: 2, to: 1 }, /"from" \(2\) must lie before "to" \(1\)/);
});
