import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { OpenSessions, type StoredSessions } from '../../src/aggregate/open-sessions.ts';
import type { EndedSession } from '../../src/aggregate/session.ts';
import type { SessionDefinition } from '../../src/model/session.ts';
import { eventBlock, type PlainEvent } from './event-blocks.ts';

const VISITS: SessionDefinition = {
  name: 'visits',
  stream: 'events',
  user: 'user',
  filter: [],
  gapMs: 30_000,
  latenessMs: 20_000,
  entry: 'page',
  exit: 'page',
  dimensions: ['country'],
  openMax: 1_000,
};
const START_MS = 1_790_000_000_000;
const columns = new BlockColumns();

interface View {
  readonly user: string;
  /** After the start, in seconds. */
  readonly s: number;
  readonly page?: string;
  readonly country?: string;
}

const eventOf = ({ user, s, ...rest }: View): PlainEvent => ({
  type: 'view',
  user,
  ts: START_MS + s * 1_000,
  ...rest,
});

/** Feeds blocks as a partition does; `ended` is all that has ended, in that order. */
class Feed {
  readonly open: OpenSessions;
  readonly ended: EndedSession[] = [];
  readonly early: EndedSession[] = [];
  late = 0;
  unassigned = 0;
  #watermarkMs = Number.NEGATIVE_INFINITY;

  constructor(definition = VISITS) {
    this.open = new OpenSessions(definition);
  }

  add(views: readonly View[], keep?: Uint8Array): this {
    return this.addEvents(views.map(eventOf), keep);
  }

  addEvents(events: readonly PlainEvent[], keep?: Uint8Array): this {
    const nowMs = START_MS + 86_400_000;
    columns.load(eventBlock(events, { arrivalMs: nowMs }));
    const counts = this.open.fold(columns, keep, this.#watermarkMs, nowMs);
    this.late += counts.late;
    this.unassigned += counts.unassigned;
    for (const { ts } of events) this.#watermarkMs = Math.max(this.#watermarkMs, Number(ts));
    return this.pass(this.#watermarkMs);
  }

  /** The watermark, as a heartbeat moves it. */
  pass(watermarkMs: number): this {
    this.#watermarkMs = watermarkMs;
    const { ended, early } = this.open.endedBy(watermarkMs);
    this.ended.push(...ended);
    this.early.push(...early);
    return this;
  }

  /** As a restart does: what is stored, and nothing else. */
  reopened(stored: Stored): this {
    const feed = new Feed(this.open.definition);
    feed.open.restore([...stored].map(([user, sessions]) => ({ user, sessions })));
    feed.#watermarkMs = this.#watermarkMs;
    feed.ended.push(...this.ended);
    return feed as this;
  }

  commit(stored: Stored): void {
    for (const { user, sessions } of this.open.changes()) {
      if (sessions.length === 0) stored.delete(user);
      else stored.set(user, structuredClone(sessions));
    }
    this.open.committed();
  }
}

type Stored = Map<string, StoredSessions['sessions']>;

/** `[user, begins, ends (s), events, country, entry, exit]`. */
const shown = ({ user, firstMs, lastMs, events, taken }: EndedSession) => [
  user,
  (firstMs - START_MS) / 1_000,
  (lastMs - START_MS) / 1_000,
  events,
  ...taken.map((each) => each?.text),
];

/** The definition of a session, over all events at once. */
function naive(views: readonly View[], gapS: number): unknown[][] {
  const sessions: View[][] = [];
  for (const ofUser of Map.groupBy(views, ({ user }) => user).values()) {
    let last: View[] | undefined;
    for (const view of ofUser.toSorted((a, b) => a.s - b.s)) {
      if (last === undefined || view.s - (last.at(-1) as View).s > gapS) {
        last = [];
        sessions.push(last);
      }
      last.push(view);
    }
  }
  return sessions.map((of) => [
    of[0]?.user,
    of[0]?.s,
    of.at(-1)?.s,
    of.length,
    of.find(({ country }) => country !== undefined)?.country,
    of.find(({ page }) => page !== undefined)?.page,
    of.findLast(({ page }) => page !== undefined)?.page,
  ]);
}

const sorted = (rows: readonly unknown[][]) => rows.map((row) => JSON.stringify(row)).sort();

const END_MS = START_MS + 3_600_000;

const view = fc.record(
  {
    user: fc.constantFrom('ann', 'bob', 'cyd'),
    s: fc.integer({ min: 0, max: 400 }),
    page: fc.constantFrom('/', '/a', '/b'),
    country: fc.constantFrom('at', 'de'),
  },
  { requiredKeys: ['user', 's'] },
);

/** Views in an order in which none comes later than the lateness, cut into blocks. */
const arrivals = fc
  .array(fc.record({ view, delayS: fc.integer({ min: 0, max: 20 }) }), { maxLength: 60 })
  .map((all) =>
    all.toSorted((a, b) => a.view.s + a.delayS - (b.view.s + b.delayS)).map((a) => a.view),
  )
  .chain((views) => fc.record({ views: fc.constant(views), size: fc.integer({ min: 1, max: 12 }) }))
  .map(({ views, size }) =>
    Array.from({ length: Math.ceil(views.length / size) }, (_, i) =>
      views.slice(i * size, (i + 1) * size),
    ),
  );

test('whatever the order within the lateness, sessions are those of the sorted events', (t) => {
  fc.assert(
    fc.property(arrivals, (blocks) => {
      const feed = new Feed();
      for (const block of blocks) feed.add(block);
      feed.pass(END_MS);
      t.deepEqual(sorted(feed.ended.map(shown)), sorted(naive(blocks.flat(), 30)));
      t.is(feed.open.count, 0);
      t.is(feed.late, 0);
    }),
    { numRuns: 500 },
  );
});

test('a state that is stored and taken back between any two blocks ends the same sessions in the same order', (t) => {
  fc.assert(
    fc.property(arrivals, fc.array(fc.boolean()), (blocks, stops) => {
      const straight = new Feed();
      let stopped = new Feed();
      const stored: Stored = new Map();
      blocks.forEach((block, i) => {
        straight.add(block);
        stopped.add(block);
        if (stops[i] !== true) return;
        stopped.commit(stored);
        stopped = stopped.reopened(stored);
      });
      stopped.pass(END_MS);
      straight.pass(END_MS);
      t.deepEqual(stopped.ended.map(shown), straight.ended.map(shown));
      stopped.commit(stored);
      t.is(stored.size, 0);
    }),
    { numRuns: 300 },
  );
});

test('events exactly the gap apart are of one session, and a millisecond more parts them', (t) => {
  const feed = new Feed().add([
    { user: 'ann', s: 0 },
    { user: 'ann', s: 30 },
    { user: 'bob', s: 0 },
    { user: 'bob', s: 30.001 },
  ]);
  feed.pass(END_MS);
  t.deepEqual(
    feed.ended.map(({ user, events }) => [user, events]),
    [
      ['bob', 1],
      ['ann', 2],
      ['bob', 1],
    ],
  );
});

test('a session ends when nothing on time could be of it any more', (t) => {
  const feed = new Feed().add([{ user: 'ann', s: 0 }]);
  t.is(feed.pass(START_MS + 50_000).ended.length, 0);
  t.is(feed.pass(START_MS + 50_001).ended.length, 1);
});

test('an event that comes late joins the open session that it is of, and begins none', (t) => {
  const feed = new Feed().add([{ user: 'ann', s: 100 }]);
  feed.add([
    { user: 'ann', s: 75, page: '/late' },
    { user: 'bob', s: 79 },
    { user: 'cyd', s: 80 },
  ]);
  t.is(feed.late, 1);
  feed.pass(END_MS);
  t.deepEqual(feed.ended.map(shown), [
    ['cyd', 80, 80, 1, undefined, undefined, undefined],
    ['ann', 75, 100, 2, undefined, '/late', '/late'],
  ]);
});

test('an event between two sessions makes them one', (t) => {
  const feed = new Feed({ ...VISITS, latenessMs: 60_000 }).add([
    { user: 'ann', s: 0, page: '/in', country: 'at' },
    { user: 'ann', s: 50, page: '/out', country: 'de' },
  ]);
  t.is(feed.open.count, 2);
  feed.add([{ user: 'ann', s: 25, page: '/middle' }]);
  t.is(feed.open.count, 1);
  feed.pass(END_MS);
  t.deepEqual(feed.ended.map(shown), [['ann', 0, 50, 3, 'at', '/in', '/out']]);
});

test('rows that do not count, that the filter leaves out or that name no user are in no session', (t) => {
  const filter = [{ field: 'type', in: ['view'] }];
  const feed = new Feed({ ...VISITS, filter }).addEvents(
    [
      { type: 'view', user: 'ann', ts: START_MS },
      { type: 'view', user: 'bob', ts: START_MS },
      { type: 'ping', user: 'cyd', ts: START_MS },
      { type: 'view', ts: START_MS },
      { type: 'view', user: 'x'.repeat(256), ts: START_MS },
      { type: 'view', user: 'a\0b', ts: START_MS },
      { type: 'view', user: 17, ts: START_MS },
    ],
    Uint8Array.of(1, 0, 1, 1, 1, 1, 1),
  );
  t.is(feed.unassigned, 3);
  feed.pass(END_MS);
  t.deepEqual(
    feed.ended.map(({ user }) => user),
    ['17', 'ann'],
  );
});

test('past the most that may be open the oldest are closed early, an eighth of all at a time', (t) => {
  const feed = new Feed({ ...VISITS, openMax: 100 });
  const views = Array.from({ length: 101 }, (_, i) => ({ user: `u${i}`, s: i / 100 }));
  feed.add(views.toReversed());
  t.is(feed.open.count, 87);
  t.deepEqual(
    feed.early.map(({ user }) => user),
    views.slice(0, 14).map(({ user }) => user),
  );
  t.is(feed.pass(END_MS).ended.length, 87);
});

test('long texts count against the bound as their bytes', (t) => {
  const feed = new Feed({ ...VISITS, openMax: 100 });
  const page = 'p'.repeat(256);
  feed.add(Array.from({ length: 90 }, (_, i) => ({ user: `u${i}`, s: i / 100, page })));
  t.true(feed.early.length > 40 && feed.open.count > 30, `${feed.open.count} are open`);
});

test('sessions of a user that begin from the last to the first, and are then joined in pairs, are each found', (t) => {
  const definition = { ...VISITS, gapMs: 1_000, latenessMs: 43_200_000, openMax: 10_000 };
  const feed = new Feed(definition);
  const [sessions, rows] = [4_000, 1_000];
  for (let from = 0; from < sessions; from += rows) {
    const views = Array.from({ length: rows }, (_, i) => sessions - from - i);
    feed.add(views.map((i) => ({ user: 'ann', s: 2 * i })));
  }
  t.is(feed.open.count, sessions);
  feed.add(Array.from({ length: sessions / 2 }, (_, i) => ({ user: 'ann', s: 4 * i + 3 })));
  t.is(feed.open.count, sessions / 2);
  feed.pass(END_MS + 2 * definition.latenessMs);
  t.is(feed.ended.length, sessions / 2);
  t.true(feed.ended.every(({ events }) => events === 3));
});

test('what is cut off a long text is not kept in memory', (t) => {
  const feed = new Feed({ ...VISITS, openMax: 10_000 });
  const before = heapBytes();
  for (let from = 0; from < 500; from += 50) {
    const views = Array.from({ length: 50 }, (_, i) => ({ user: `u${from + i}`, s: from / 1_000 }));
    feed.add(views.map((each) => ({ ...each, page: each.user + 'p'.repeat(30_000) })));
  }
  const kept = heapBytes() - before;
  t.is(feed.open.count, 500);
  t.true(kept < 4_000_000, `${kept} bytes of the 15 MB that were sent`);
});

test('users that come and go between two commits are not kept in memory', (t) => {
  const feed = new Feed({ ...VISITS, openMax: 100 });
  const [users, rows] = [100_000, 5_000];
  const before = heapBytes();
  for (let from = 0; from < users; from += rows) {
    const views = Array.from({ length: rows }, (_, i) => from + i);
    feed.add(views.map((i) => ({ user: `u${i}`, s: i / users })));
    feed.early.length = 0;
  }
  const kept = heapBytes() - before;
  t.true(feed.open.count <= 100);
  t.true(kept < 6_000_000, `${kept} bytes of ${users} users`);
});

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
