import test from 'ava';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import {
  LIVE_HISTORY_MESSAGES,
  LIVE_IDLE_TICK_MS,
  LIVE_QUERIES_MAX,
  LIVE_QUERIES_PER_TENANT_MAX,
  LIVE_REST_FACTOR,
  LIVE_SUBSCRIBERS_MAX,
  LIVE_SUBSCRIBERS_PER_TENANT_MAX,
  LIVE_TICK_MS,
  LIVE_WORK_SAMPLES,
} from '../../src/query/limits.ts';
import { LiveQueries } from '../../src/query/live.ts';
import type { LiveMessage, Scheduler } from '../../src/query/live-query.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';

/** Time that only moves when told, and runs what falls due, each to its end. */
class ManualTime implements Scheduler {
  nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  get timers(): number {
    return this.#timers.size;
  }

  now = (): number => this.nowMs;

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.nowMs + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#timers.delete(next);
      next.callback();
      await settled();
    }
    this.nowMs = untilMs;
  }
}

/** All promise reactions that are due have run. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const REQUEST: TimeseriesRequest = {
  tenant: 'default',
  stream: 'events',
  measures: [{ op: 'count' }],
  groupBy: ['type'],
};

const answer = (counts: Record<string, Record<number, number>>): TimeseriesAnswer => ({
  fromMs: 0,
  toMs: 60_000,
  stepMs: 1_000,
  source: 'ROLLUP',
  note: null,
  scanned: null,
  rollup: 'by_type',
  resolutionMs: 1_000,
  watermarkMs: 0,
  complete: false,
  restated: false,
  missingPartitions: [],
  names: ['count'],
  seriesFound: Object.keys(counts).length,
  series: Object.entries(counts).map(([type, points]) => ({
    labels: [{ name: 'type', value: type }],
    points: Object.entries(points).map(([t, value]) => ({
      t: Number(t),
      end: Number(t) + 1_000,
      values: [{ value, errorBound: 0 }],
    })),
  })),
});

function setUp() {
  const time = new ManualTime();
  const listeners = new Set<() => void>();
  const state = {
    answer: answer({ view: { 0: 1 } }),
    failure: undefined as Error | undefined,
    answered: 0,
    workMs: 0,
    delayMs: 0,
    ids: 0,
  };
  const live = new LiveQueries({
    answererFor: () => async () => {
      state.answered++;
      if (state.failure !== undefined) throw state.failure;
      if (state.delayMs > 0) {
        await new Promise<void>((resolve) => time.after(state.delayMs, resolve));
      }
      return { answer: state.answer, workMs: state.workMs };
    },
    partitions: {
      onApplied(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    clock: time,
    scheduler: time,
    newId: () => `q${++state.ids}`,
  });
  /** The answer changes, partitions say so, and the rest is over. */
  const change = async (next: TimeseriesAnswer) => {
    state.answer = next;
    for (const listener of listeners) listener();
    await time.pass(LIVE_TICK_MS);
  };
  return { time, listeners, state, live, change };
}

const take = async (messages: AsyncIterator<LiveMessage>): Promise<LiveMessage> => {
  const { done, value } = await messages.next();
  if (done === true) throw new Error('the subscription has ended');
  return value;
};

const pointsIn = ({ answer: { series } }: LiveMessage) =>
  Object.fromEntries(
    series.map(({ labels, points }) => [
      labels[0]?.value,
      points.map(({ t, values }) => [t, values[0]?.value]),
    ]),
  );

test('a subscription starts with a snapshot, then holds only what changed', async (t) => {
  const { live, time, change } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  const snapshot = await take(messages);
  t.is(snapshot.kind, 'snapshot');
  t.deepEqual(pointsIn(snapshot), { view: [[0, 1]] });
  await change(answer({ view: { 0: 1, 1000: 5 }, buy: { 1000: 2 } }));
  const changes = await take(messages);
  t.is(changes.kind, 'changes');
  t.deepEqual(pointsIn(changes), { view: [[1_000, 5]], buy: [[1_000, 2]] });
  t.not(changes.cursor, snapshot.cursor);
});

test('a series that is no longer in the answer is named', async (t) => {
  const { live, time, change } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  await take(messages);
  await change(answer({ buy: { 0: 1 } }));
  const { removedSeries } = await take(messages);
  t.deepEqual(removedSeries, [[{ name: 'type', value: 'view' }]]);
});

test('without news nothing is sent; the watermark alone is news', async (t) => {
  const { live, time, state } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  await take(messages);
  const next = take(messages);
  await time.pass(5 * LIVE_IDLE_TICK_MS);
  t.is(state.answered, 6);
  state.answer = { ...state.answer, watermarkMs: 1 };
  await time.pass(LIVE_IDLE_TICK_MS);
  t.is((await next).answer.watermarkMs, 1);
  t.deepEqual(pointsIn(await next), {});
});

test('however much is applied, it answers at most every 200 ms', async (t) => {
  const { live, time, listeners, state } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  for (let ms = 0; ms < 2_000; ms += 5) {
    for (const listener of listeners) listener();
    await time.pass(5);
  }
  t.is(state.answered, 1 + 2_000 / LIVE_TICK_MS);
  await messages.return?.();
});

test('who wants messages less often gets them so, apart from those who do not', async (t) => {
  const { live, time, listeners, state } = setUp();
  const [seldom, often] = [live.subscribe(REQUEST, { everyMs: 1_000 }), live.subscribe(REQUEST)];
  t.is(live.queries, 2);
  await often.return?.();
  await time.pass(0);
  const answered = state.answered;
  for (let ms = 0; ms < 5_000; ms += 5) {
    for (const listener of listeners) listener();
    await time.pass(5);
  }
  t.is(state.answered, answered + 5);
  await seldom.return?.();
  t.throws(() => live.subscribe(REQUEST, { everyMs: 60_001 }), {
    code: 'query_invalid',
    message: /every: expected at most 60 s, received 60.001 s/,
  });
});

test('equal queries run once, different ones on their own', async (t) => {
  const { live, time, state } = setUp();
  const subscribers = Array.from({ length: 50 }, () => live.subscribe(REQUEST));
  await time.pass(0);
  t.is(state.answered, 1);
  for (const messages of subscribers) t.is((await take(messages)).kind, 'snapshot');
  const other = live.subscribe({ ...REQUEST, tenant: 'other' });
  t.is(live.queries, 2);
  for (const messages of [...subscribers, other]) await messages.return?.();
});

test('the last subscriber to leave ends the query and its timers', async (t) => {
  const { live, time, listeners } = setUp();
  const [first, second] = [live.subscribe(REQUEST), live.subscribe(REQUEST)];
  await time.pass(0);
  await first.return?.();
  t.is(live.queries, 1);
  await take(second);
  const waiting = second.next();
  await second.return?.();
  t.true((await waiting).done);
  t.deepEqual([live.queries, live.subscribers, time.timers, listeners.size], [0, 0, 0, 0]);
  await second.return?.();
  t.is(live.subscribers, 0);
});

test('a slow reader gets what it missed while the history holds it', async (t) => {
  const { live, time, change } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  await take(messages);
  for (let i = 1; i <= LIVE_HISTORY_MESSAGES; i++) await change(answer({ view: { 0: 1 + i } }));
  for (let i = 1; i <= LIVE_HISTORY_MESSAGES; i++) {
    t.deepEqual(pointsIn(await take(messages)), { view: [[0, 1 + i]] });
  }
});

test('a stalled reader gets a gap with the number of lost messages, then a fresh snapshot', async (t) => {
  const { live, time, change } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  await take(messages);
  const changes = LIVE_HISTORY_MESSAGES + 10;
  for (let i = 1; i <= changes; i++) await change(answer({ view: { 0: 1 + i } }));
  const gap = await take(messages);
  t.is(gap.kind, 'gap');
  t.is(gap.droppedMessages, changes);
  t.deepEqual(gap.answer.series, []);
  const snapshot = await take(messages);
  t.is(snapshot.kind, 'snapshot');
  t.deepEqual(pointsIn(snapshot), { view: [[0, 1 + changes]] });
  await change(answer({ view: { 0: 0 } }));
  t.is((await take(messages)).kind, 'changes');
});

test('a cursor goes on where it stood, or starts anew when that is gone', async (t) => {
  const { live, time, change } = setUp();
  const stays = live.subscribe(REQUEST);
  const leaves = live.subscribe(REQUEST);
  await time.pass(0);
  const { cursor } = await take(leaves);
  await leaves.return?.();
  await change(answer({ view: { 0: 2 } }));
  await change(answer({ view: { 0: 3 } }));
  const back = live.subscribe(REQUEST, { cursor });
  t.deepEqual(pointsIn(await take(back)), { view: [[0, 2]] });
  t.deepEqual(pointsIn(await take(back)), { view: [[0, 3]] });
  for (const unknown of ['', 'x', 'q9.1', 'q1.zzz', `${cursor}.1`]) {
    t.is((await take(live.subscribe(REQUEST, { cursor: unknown }))).kind, 'snapshot', unknown);
  }
  t.is((await take(stays)).kind, 'snapshot');
});

test('a passing fault is waited out, a lasting one ends the subscription', async (t) => {
  const { live, time, state } = setUp();
  const messages = live.subscribe(REQUEST);
  state.failure = new AppError('query_timeout', 'slow');
  await time.pass(3 * LIVE_IDLE_TICK_MS);
  state.failure = undefined;
  await time.pass(LIVE_IDLE_TICK_MS);
  t.is((await take(messages)).kind, 'snapshot');
  state.failure = new AppError('query_timeout', 'slow');
  const end = t.throwsAsync(messages.next());
  await time.pass(60 * LIVE_IDLE_TICK_MS);
  t.true(isFault(await end, 'query_timeout'));
  t.deepEqual([live.queries, live.subscribers, time.timers], [0, 0, 0]);
});

test('a query that can no longer be answered ends at once, and can be asked anew', async (t) => {
  const { live, time, state } = setUp();
  const messages = live.subscribe(REQUEST);
  state.failure = new AppError('query_invalid', 'the rollup is gone');
  await time.pass(0);
  state.failure = undefined;
  const anew = live.subscribe(REQUEST);
  await time.pass(0);
  t.true(isFault(await t.throwsAsync(messages.next()), 'query_invalid'));
  t.is((await take(anew)).kind, 'snapshot');
  t.is(live.subscribers, 1);
});

test('subscribers and different queries are bounded', (t) => {
  const { live } = setUp();
  const isRefused = (request: TimeseriesRequest) =>
    isFault(
      t.throws(() => live.subscribe(request)),
      'query_overload',
    );
  const other = { ...REQUEST, tenant: 'other' };
  for (let i = 0; i < LIVE_QUERIES_PER_TENANT_MAX; i++) live.subscribe({ ...REQUEST, stepMs: i });
  t.true(isRefused({ ...REQUEST, stepMs: -1 }));
  while (live.queries < LIVE_QUERIES_MAX) live.subscribe({ ...other, stepMs: live.queries });
  t.true(isRefused({ ...REQUEST, tenant: 'third' }));
  const stepMs = LIVE_QUERIES_PER_TENANT_MAX;
  const others = live.subscribers - LIVE_QUERIES_PER_TENANT_MAX;
  while (live.subscribers < LIVE_SUBSCRIBERS_PER_TENANT_MAX + others) {
    live.subscribe({ ...REQUEST, stepMs: 0 });
  }
  t.true(isRefused({ ...REQUEST, stepMs: 0 }));
  while (live.subscribers < LIVE_SUBSCRIBERS_MAX) live.subscribe({ ...other, stepMs });
  t.true(isRefused({ ...other, stepMs }));
  live.close();
});

test('closing ends every subscription', async (t) => {
  const { live, time } = setUp();
  const messages = live.subscribe(REQUEST);
  await time.pass(0);
  await take(messages);
  const waiting = messages.next();
  live.close();
  t.true((await waiting).done);
  t.is(time.timers, 0);
});

test('a live query rests by what it works, not by how long partitions let it wait', async (t) => {
  const { live, time, state, change } = setUp();
  const messages = live.subscribe(REQUEST);
  state.delayMs = 5_000;
  await time.pass(5_500);
  await take(messages);
  state.delayMs = 0;
  await time.pass(LIVE_IDLE_TICK_MS);
  const answered = state.answered;
  await change(answer({ view: { 0: 2 } }));
  t.is(state.answered, answered + 1);
});

test('a live query that works much rests longer, and does so for each one that runs beside it', async (t) => {
  const { live, time, state, change } = setUp();
  live.subscribe(REQUEST);
  live.subscribe({ ...REQUEST, limit: 5 });
  state.workMs = 1_000;
  const restMs = LIVE_REST_FACTOR * 2 * state.workMs;
  // The least of the last answers counts: until there are enough of them it is taken for light.
  await time.pass(LIVE_WORK_SAMPLES * LIVE_IDLE_TICK_MS);
  const answered = state.answered;
  await change(answer({ view: { 0: 2 } }));
  t.is(state.answered, answered);
  await time.pass(restMs);
  t.is(state.answered, answered + 2);
});
