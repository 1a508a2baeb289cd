import test from 'ava';
import type { VisitorStore } from '../../src/client/platform.ts';
import { FakeWorld, type SentEvent } from './fake-platform.ts';

const visitorsOf = (world: FakeWorld): VisitorStore => ({
  read: () => world.visitor,
  write: (state) => {
    world.visitor = state;
  },
  clear: () => {
    world.visitor = undefined;
  },
});
const FORGETFUL: VisitorStore = { read: () => undefined, write() {}, clear() {} };

const last = (world: FakeWorld): SentEvent => world.requests.flat().at(-1) as SentEvent;

test('a session lasts as long as no pause is longer than its bound, over pages', async (t) => {
  const world = new FakeWorld();
  const visitors = visitorsOf(world);
  const sessions: unknown[] = [];
  for (const pauseMs of [0, 29 * 60_000, 29 * 60_000, 30 * 60_000]) {
    await world.pass(pauseMs);
    const page = world.client(t, {}, { visitors });
    page.track('view');
    await page.close();
    sessions.push(last(world)['session']);
  }
  t.is(new Set(sessions.slice(0, 3)).size, 1);
  t.not(sessions[3], sessions[2]);
  t.is(new Set(world.requests.flat().map(({ device }) => device)).size, 1);
});

test('events are of the device until a user is told, on later pages too, until it is forgotten', async (t) => {
  const world = new FakeWorld();
  const visitors = visitorsOf(world);
  const first = world.client(t, {}, { visitors });
  first.track('view');
  first.identify('u-1', { plan: 'pro' });
  await first.close();
  const [view, identify] = world.requests.flat();
  t.is(view?.['key'], view?.['device']);
  t.like(identify, { type: 'identify', user: 'u-1', plan: 'pro', device: view?.['device'] });
  t.false('key' in (identify ?? {}), 'what is of a user is placed by the user');
  const second = world.client(t, {}, { visitors });
  second.track('buy');
  await second.flush();
  t.is(last(world)['user'], 'u-1');
  second.forget();
  second.track('view');
  await second.flush();
  t.false('user' in last(world));
  t.not(last(world)['device'], view?.['device']);
});

test('where storage keeps nothing, a page is one session of one device', async (t) => {
  const world = new FakeWorld();
  const page = world.client(t, {}, { visitors: FORGETFUL });
  page.track('a');
  page.identify('u-1');
  page.track('b');
  await page.flush();
  const sent = world.requests.flat();
  t.is(new Set(sent.map(({ session }) => session)).size, 1);
  t.is(last(world)['user'], 'u-1');
});

test('a server has no visitor of its own: events say whose they are', async (t) => {
  const world = new FakeWorld();
  const server = world.client(t);
  server.track('buy', { user: 'u-7' });
  server.track('tick');
  await server.flush();
  const [buy, tick] = world.requests.flat();
  t.is(buy?.['user'], 'u-7');
  t.deepEqual(Object.keys(tick ?? {}), ['id', 'ts', 'type']);
});
