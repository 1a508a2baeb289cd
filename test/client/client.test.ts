import test, { type ExecutionContext } from 'ava';
import { settingsOf } from '../../src/client/options.ts';
import { isStreamName } from '../../src/model/stream-name.ts';
import { DEFAULTS, FakeWorld, refusal, type SentEvent, START_MS, taken } from './fake-platform.ts';

const types = (events: readonly SentEvent[] | undefined) => events?.map(({ type }) => type);

test('events go together after the interval, or at once when they fill a request', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t, { batchEventsMax: 3 });
  client.track('a', { n: 1, at: new Date(START_MS), none: undefined });
  client.track('b');
  await world.pass(999);
  t.deepEqual(world.requests, []);
  await world.pass(1);
  t.is(world.requests.length, 1);
  const [a, b] = world.requests[0] ?? [];
  t.like(a, { type: 'a', ts: START_MS, n: 1, at: '2026-09-21T14:13:20.000Z' });
  t.not(a?.id, b?.id);
  for (const type of ['c', 'd', 'e']) client.track(type);
  await world.settle();
  t.deepEqual(types(world.requests[1]), ['c', 'd', 'e']);
  t.deepEqual(client.counts, { waiting: 0, lost: 0 });
});

test('an event whose id is nothing gets one, as without it', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t);
  client.track('a', { id: null, note: null });
  client.track('b', { id: 'mine' });
  await world.pass(1_000);
  const [a, b] = world.requests[0] ?? [];
  t.regex(a?.id ?? '', /^\w+$/, 'sent again it would count twice');
  t.is(a?.['note'], null);
  t.is(b?.id, 'mine');
});

test('what is tracked while a request is under way waits for the interval, and keeps its order', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t);
  world.server = (events) => {
    if (world.requests.length === 1) client.track('later');
    return taken(events);
  };
  client.track('first');
  await world.pass(1_000);
  t.deepEqual(world.requests.map(types), [['first']]);
  await world.pass(1_000);
  t.deepEqual(world.requests.map(types), [['first'], ['later']]);
});

test('without an answer the same events with the same ids go again, ever later, then in order', async (t) => {
  const world = new FakeWorld();
  world.server = () => undefined;
  const client = world.client(t);
  client.track('a');
  await world.pass(1_000);
  client.track('b');
  const waits: number[] = [];
  for (let attempt = 0; attempt < 4; attempt++) {
    waits.push(world.nextMs);
    await world.pass(world.nextMs);
  }
  t.deepEqual(waits, [500, 1_000, 2_000, 4_000]);
  t.is(new Set(world.requests.map(([first]) => first?.id)).size, 1);
  world.server = taken;
  await world.pass(world.nextMs);
  t.deepEqual(types(world.requests.at(-1)), ['a', 'b']);
  t.deepEqual(client.counts, { waiting: 0, lost: 0 });
  t.deepEqual(
    world.problems.map(({ code }) => code),
    ['unreachable'],
    'said once, not at each attempt',
  );
});

test('a server that names a time is left alone until then, however much is tracked or flushed', async (t) => {
  const world = new FakeWorld();
  world.server = () => refusal(503, 'log_full', '30');
  const client = world.client(t, { batchEventsMax: 2 });
  client.track('a');
  client.track('b');
  await world.settle();
  t.is(world.requests.length, 1);
  for (let i = 0; i < 10; i++) client.track('more');
  t.false(await client.flush());
  await world.pass(29_999);
  t.is(world.requests.length, 1);
  world.server = taken;
  await world.pass(1);
  t.is(world.requests.slice(1).flat().length, 12);
  t.deepEqual(client.counts, { waiting: 0, lost: 0 });
});

test('once the time is over that a server has named, nothing keeps a flush or the end waiting', async (t) => {
  const world = new FakeWorld();
  world.server = () => refusal(429, 'rate_limited', '1');
  world.random = 0.99;
  const client = world.client(t);
  client.track('a');
  await world.pass(200_000);
  // The client's own wait is minutes by now.
  const tried = world.requests.length;
  const untilTried = async () => {
    while (world.requests.length === tried) await world.pass(1_000);
  };
  await untilTried();
  world.server = taken;
  t.false(await client.flush());
  const closed = client.close();
  await world.pass(1_000);
  t.is(await closed, 0);
});

test('a clock that is set back by a day keeps nothing waiting', async (t) => {
  const world = new FakeWorld();
  world.server = () => refusal(429, 'quota_exceeded', '3');
  const client = world.client(t);
  client.track('a');
  await world.pass(1_000);
  world.server = taken;
  const timers = [...world.timers];
  world.nowMs -= 86_400_000;
  world.timers.clear();
  for (const { work } of timers) work();
  await world.settle();
  t.is(client.counts.waiting, 0);
});

test('offline nothing is tried; once online a flush does not wait', async (t) => {
  const world = new FakeWorld();
  world.isOnline = false;
  const client = world.client(t);
  client.track('a');
  await world.pass(600_000);
  t.deepEqual([world.requests, world.problems], [[], []]);
  world.isOnline = true;
  t.true(await client.flush());
  t.is(world.requests.length, 1);
});

test('what does not fit is given up, counted by reason, and told as an event once there is room', async (t) => {
  const world = new FakeWorld();
  world.server = () => undefined;
  const client = world.client(t, { queueEventsMax: 5 });
  const tracked = Array.from({ length: 8 }, (_, n) => client.track(`t${n}`));
  t.deepEqual(tracked, [true, true, true, true, true, false, false, false]);
  t.false(client.track('large', { text: 'x'.repeat(20_000) }));
  t.false(client.track('', {}));
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  t.false(client.track('circle', circle));
  t.false(client.track('none', JSON.parse('null')));
  t.deepEqual(client.counts, { waiting: 5, lost: 7 });
  await world.pass(1_000);
  world.server = taken;
  await client.flush();
  await client.flush();
  const losses = world.requests.flat().filter(({ type }) => type === 'client_losses');
  t.is(losses.length, 1);
  t.like(losses[0], { queue_full: 3, too_large: 1, invalid: 3 });
  t.deepEqual(
    world.problems.map(({ code }) => code),
    ['queue_full', 'too_large', 'invalid_event', 'unreachable'],
  );
});

test('refused events are not sent again, and counted; that the count is refused too makes no flood', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t);
  world.server = (events) => ({
    status: 400,
    text: JSON.stringify({
      error: { code: 'all_rejected' },
      accepted: 0,
      rejected: events.length,
      errors: [{ message: '"ts" lies too far' }],
    }),
  });
  client.track('a');
  client.track('b');
  await world.pass(50_000);
  t.deepEqual(world.requests.map(types), [['a', 'b'], ['client_losses']]);
  t.like(world.requests[1]?.[0], { refused: 2 });
  t.regex(world.problems[0]?.message ?? '', /2 of 2 events.*"ts" lies too far/);
});

test('the last answer before the end refuses an event, and that is told, too', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t);
  world.server = (events) =>
    events.some(({ type }) => type === 'bad')
      ? {
          status: 200,
          text: JSON.stringify({ accepted: 0, rejected: 1, errors: [{ message: 'no' }] }),
        }
      : taken(events);
  client.track('bad');
  t.is(await client.close(), 0);
  t.deepEqual(world.requests.map(types), [['bad'], ['client_losses']]);
  t.like(world.requests[1]?.[0], { refused: 1 });
});

test('a server with a lower bound gets smaller requests, and loses only what is too long by itself', async (t) => {
  const world = new FakeWorld();
  world.server = (events) =>
    JSON.stringify(events).length > 300 ? refusal(413, 'body_too_large') : taken(events);
  const client = world.client(t, { batchEventsMax: 8 });
  for (let n = 0; n < 7; n++) client.track(`t${n}`);
  client.track('long', { text: 'x'.repeat(400) });
  await client.flush();
  const arrived = world.requests.filter((events) => JSON.stringify(events).length <= 300).flat();
  t.deepEqual(
    arrived.map(({ type }) => type),
    ['t0', 't1', 't2', 't3', 't4', 't5', 't6', 'client_losses'].slice(0, arrived.length),
  );
  t.is(client.counts.lost, 1);
});

test('what is too long for something that goes away again is sent, and requests grow again', async (t) => {
  const world = new FakeWorld();
  world.server = () => ({ status: 413, text: '<html>413 Request Entity Too Large</html>' });
  const client = world.client(t, { batchEventsMax: 8 });
  for (let n = 0; n < 8; n++) client.track('a');
  t.false(await client.flush());
  world.server = taken;
  for (let n = 0; n < 92; n++) client.track('a');
  t.true(await client.flush());
  t.deepEqual(client.counts, { waiting: 0, lost: 0 });
  t.is(Math.max(...world.requests.slice(-5).map(({ length }) => length)), 8);
});

test('what waits outlives the client, and is sent first by the next one', async (t) => {
  const world = new FakeWorld();
  const { store } = world;
  world.server = () => undefined;
  const first = world.client(t, {}, { store });
  first.track('a');
  first.track('b');
  t.is(await first.close(), 2);
  const ids = world.requests[0]?.map(({ id }) => id);
  world.server = taken;
  world.requests.length = 0;
  await world.pass(1);
  const second = world.client(t, {}, { store });
  second.track('c');
  await world.pass(1_000);
  t.deepEqual(types(world.requests.flat()), ['a', 'b', 'c']);
  t.deepEqual(
    world.requests
      .flat()
      .slice(0, 2)
      .map(({ id }) => id),
    ids,
  );
  t.is(world.kept.size, 0);
});

/** By a tab that is closed while the server is away, in the world's own store. */
async function leaveOrphan(t: ExecutionContext, world: FakeWorld): Promise<void> {
  const closed = world.client(t, {}, { store: world.store });
  world.server = () => undefined;
  closed.track('orphan');
  await closed.close();
  world.server = taken;
  world.requests.length = 0;
}

test('a tab that was closed is taken over by one that stays open', async (t) => {
  const world = new FakeWorld();
  const { store } = world;
  const open = world.client(t, {}, { store });
  await world.settle();
  await leaveOrphan(t, world);
  await world.pass(180_000);
  t.deepEqual(types(world.requests.flat()), ['orphan']);
  t.is(world.kept.size, 0);
  t.is(open.counts.waiting, 0);
});

test('a tab that always has something to send takes over what a closed one has left, too', async (t) => {
  const world = new FakeWorld();
  const { store } = world;
  const busy = world.client(t, {}, { store });
  await world.settle();
  await leaveOrphan(t, world);
  for (let i = 0; i < 360; i++) {
    busy.track('own');
    await world.pass(500);
  }
  t.is(world.requests.flat().filter(({ type }) => type === 'orphan').length, 1);
  await world.pass(1_000);
  t.is(world.kept.size, 0);
});

test('what others have left takes no more than half of the room, and all of it is sent', async (t) => {
  const world = new FakeWorld();
  const { store } = world;
  world.server = () => undefined;
  const gone = world.client(t, {}, { store });
  for (let n = 0; n < 100; n++) gone.track('left');
  await gone.close(0);
  const client = world.client(t, {}, { store });
  await world.pass(1_000);
  t.is(client.counts.waiting, 50);
  t.true(client.track('own'));
  world.server = taken;
  world.requests.length = 0;
  await world.pass(200_000);
  t.is(world.requests.flat().filter(({ type }) => type === 'left').length, 100);
  t.deepEqual(client.counts, { waiting: 0, lost: 0 });
});

test('no beacon takes what is kept where none is likely to arrive: it is sent later, however late', async (t) => {
  for (const isOnline of [false, true]) {
    const world = new FakeWorld();
    world.isOnline = isOnline;
    world.server = () => undefined;
    const { store } = world;
    const gone = world.client(t, {}, { store });
    gone.track('waiting');
    await world.pass(1_000);
    gone.beacon(() => t.fail('a beacon'));
    await gone.close(0);
    const anonymous = world.client(t);
    anonymous.track('nowhere else');
    await world.pass(1_000);
    anonymous.beacon((body) => body.includes('nowhere else') || t.fail('no beacon'));
    world.timers.clear();
    await world.pass(7_200_000);
    world.isOnline = true;
    world.server = taken;
    world.requests.length = 0;
    const next = world.client(t, {}, { store });
    await world.settle();
    await next.flush();
    t.deepEqual(types(world.requests.flat()), ['waiting']);
    t.is(next.counts.lost, 0);
  }
});

test('a beacon takes along what has no answer, which is asked for once more', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t, {}, { store: world.store });
  client.track('seen');
  const bodies: string[] = [];
  client.beacon((body) => bodies.push(body) > 0);
  await world.settle();
  t.is(bodies.length, 1);
  t.is([...world.kept.values()][0]?.beaconedMs, START_MS);
  await world.pass(1_000);
  t.deepEqual(world.requests[0], [JSON.parse(bodies[0] ?? '')]);
  t.is(world.kept.size, 0);
});

test('what a beacon took along long ago is not sent again, but counted as unconfirmed', async (t) => {
  const world = new FakeWorld();
  const gone = world.client(t, {}, { store: world.store });
  await world.settle();
  gone.track('beaconed');
  gone.beacon(() => true);
  gone.track('not beaconed');
  await world.settle();
  world.timers.clear();
  await world.pass(3_600_001);
  const next = world.client(t, {}, { store: world.store });
  await world.pass(1_000);
  await next.flush();
  const sent = world.requests.flat();
  t.deepEqual(types(sent), ['not beaconed', 'client_losses']);
  t.like(sent[1], { unconfirmed: 1 });
  t.is(world.kept.size, 0);
});

test('without consent nothing is tracked, kept or asked of the store, and taking it back forgets all', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t, { consent: false }, { store: world.store });
  t.false(client.track('a'));
  t.false(client.identify('u'));
  await world.pass(10_000);
  t.deepEqual([world.requests, world.kept.size], [[], 0]);
  client.consent(true);
  t.true(client.track('b'));
  await world.settle();
  t.is(world.kept.size, 1);
  client.consent(false);
  await world.pass(10_000);
  t.deepEqual([world.requests, world.kept.size], [[], 0]);
  client.consent(true);
  client.track('c');
  await world.pass(1_000);
  t.deepEqual(types(world.requests.flat()), ['c']);
});

test('what a store answers after consent was taken back is not sent', async (t) => {
  const world = new FakeWorld();
  const loaded = Promise.withResolvers<void>();
  const { store } = world;
  const slow = {
    ...store,
    async load(before: string, max: number) {
      const events = await store.load(before, max);
      await loaded.promise;
      return events;
    },
  };
  world.kept.set('0', { place: '0', line: '{"id":"0","type":"old"}', bytes: 23 });
  const client = world.client(t, {}, { store: slow });
  client.consent(false);
  loaded.resolve();
  await world.pass(10_000);
  t.deepEqual(world.requests, []);
});

test('a store that fails costs the events that outlive the client, and no other', async (t) => {
  const world = new FakeWorld();
  const fail = () => Promise.reject(new Error('no room'));
  const store = { load: fail, put: fail, remove: fail, clear: fail, close() {} };
  const client = world.client(t, {}, { store });
  client.track('a');
  await world.pass(1_000);
  t.deepEqual(types(world.requests.flat()), ['a']);
  t.deepEqual(
    world.problems.map(({ code }) => code),
    ['store_failed'],
  );
});

test('a sample is a part of the events, and says which part', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t, { sampleRate: 0.25, queueEventsMax: 10_000 });
  const tracked = Array.from({ length: 4_000 }, () => client.track('a')).filter(Boolean).length;
  t.true(tracked > 850 && tracked < 1_150, String(tracked));
  await client.flush();
  t.is(world.requests.flat().length, tracked);
  t.is(world.requests[0]?.[0]?.['sample_rate'], 0.25);
});

test('a session is in the sample as a whole or not at all', async (t) => {
  const world = new FakeWorld();
  const visitors = { read: () => world.visitor, clear() {}, write() {} };
  const outcomes = Array.from({ length: 200 }, (_, n) => {
    const session = `session-${n}`;
    world.visitor = { device: 'd', session, lastMs: world.nowMs };
    const page = world.client(t, { sampleRate: 0.5 }, { visitors });
    const views = [page.track('a'), page.track('b'), page.track('c')];
    t.is(new Set(views).size, 1);
    return views[0];
  });
  t.is(new Set(outcomes).size, 2);
});

test('only a wait for a server that does not answer lets a process end', async (t) => {
  const world = new FakeWorld();
  world.server = () => undefined;
  const client = world.client(t);
  client.track('a');
  t.deepEqual(
    [...world.timers].map(({ isRetry }) => isRetry),
    [false],
  );
  await world.pass(1_000);
  t.deepEqual(
    [...world.timers].map(({ isRetry }) => isRetry),
    [true],
  );
});

test('a client that is closed takes nothing, and does nothing more', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t);
  t.is(await client.close(), 0);
  t.is(await client.close(), 0);
  client.consent(true);
  t.false(client.track('a'));
  await world.pass(600_000);
  t.deepEqual([world.requests, world.timers.size], [[], 0]);
});

test('closed twice at once, it ends once, and both hear the same', async (t) => {
  const world = new FakeWorld();
  let closes = 0;
  const store = { ...world.store, close: () => void closes++ };
  const client = world.client(t, {}, { store });
  client.track('a');
  t.deepEqual(await Promise.all([client.close(), client.close()]), [0, 0]);
  t.is(await client.close(), 0);
  t.is(closes, 1);
});

test('closing ends in time where no answer comes', async (t) => {
  const world = new FakeWorld();
  const client = world.client(t, {}, { post: () => new Promise(() => {}) });
  client.track('a');
  const closing = client.close(5_000);
  await world.pass(5_000);
  t.is(await closing, 1);
});

test('an option that is not usable is refused with what was expected and received', (t) => {
  const cases = [
    [
      { url: 'example.com' },
      'url: expected http:// or https:// and a host, received "example.com"',
    ],
    [{ stream: '.x' }, /^stream: expected 1 to 64 .* received "\.x"$/],
    [{ sampleRate: 0 }, /^sampleRate: expected a number above 0/],
    [{ sampleRate: Number.NaN }, /^sampleRate: /],
    [{ batchEventsMax: 1.5 }, 'batchEventsMax: expected a positive integer, received 1.5'],
    [{ queueBytesMax: -1 }, 'queueBytesMax: expected a positive integer, received -1'],
  ] as const;
  for (const [options, message] of cases) {
    t.throws(() => settingsOf({ url: 'http://a', ...options }, DEFAULTS), {
      instanceOf: TypeError,
      message,
    });
  }
});

test('a stream has a name where the server says that it has one', (t) => {
  for (const stream of ['a', 'web-shop', '_1.x', '', '-a', '.a', 'ä', 'a b', 'x'.repeat(65)]) {
    const settle = () => settingsOf({ url: 'http://a', stream }, DEFAULTS);
    if (isStreamName(stream)) t.notThrows(settle, stream);
    else t.throws(settle, { instanceOf: TypeError }, stream);
  }
});
