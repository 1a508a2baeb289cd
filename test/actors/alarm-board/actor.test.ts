/** The board as an actor: what people change is there after a crash, and what they may not change is refused. */
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { BOARD_RESTART, boardActor } from '../../../actors/alarm-board/actor.ts';
import { Deliveries } from '../../../actors/alarm-board/deliveries.ts';
import { alarmId } from '../../../actors/alarm-board/hashes.ts';
import type {
  BoardCommand,
  OwnAndConfigured,
  Reply,
} from '../../../actors/alarm-board/protocol.ts';
import { allIn } from '../../../actors/alarm-board/rows.ts';
import { type ActorRef, ActorSystem } from '../../../actors/runtime.ts';
import type { AlarmRule } from '../../../src/model/alarm.ts';
import type {
  AlarmPage,
  BoardView,
  Checked,
  HistoryEntry,
  ReceiverView,
} from '../../../src/model/alarm-board.ts';
import type {
  Delivery,
  Receiver,
  ReceiverRef,
  Route,
  Silence,
} from '../../../src/model/notification.ts';
import { BOARD_ROW, boardRange } from '../../../storage/state/board-keys.ts';
import { consoleOf } from '../../notify/stage.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { type FakeEvent, FakePartials } from './fake-partials.ts';
import { is, MINUTE, receiver, route, rule, SECOND, START, silence } from './scene.ts';

const MANY: AlarmRule = rule({
  name: 'many',
  everyMs: SECOND,
  windowMs: 5 * SECOND,
  condition: { kind: 'threshold', above: { fire: 3, clear: 3 } },
});
const OPS: ReceiverRef = { tenant: 'acme', name: 'ops' };
const BURST: readonly FakeEvent[] = Array.from({ length: 6 }, (_, i) => ({
  atMs: START + SECOND + i * 100,
  partition: i % 2,
  group: ['api'],
}));

class Server {
  readonly store = new MemoryStore();
  nowMs = START;
  readonly woken: string[] = [];
  receivers: readonly Receiver[] = [];
  readonly changes: HistoryEntry[] = [];
  readonly declared: string[][] = [];
  readonly deliveries = new Deliveries(this.store, async () => {});
  readonly #system: ActorSystem;
  readonly board: ActorRef<BoardCommand>;

  constructor(t: ExecutionContext, rules: readonly AlarmRule[] = [MANY]) {
    const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
    const clock = { now: () => this.nowMs };
    this.#system = new ActorSystem({ clock, random: () => 0, sleep: async () => {}, log });
    this.board = this.#system.spawn(
      'board',
      boardActor({
        store: this.store,
        clock,
        log,
        config: {
          rules,
          receivers: [receiver()],
          routes: [route()],
          inhibitions: [],
          timeIntervals: [],
          externalUrl: 'http://gauge',
        },
        partials: () => new FakePartials(START, BURST, () => this.nowMs - SECOND),
        deliveries: this.deliveries,
        sender: {
          setReceivers: (receivers) => {
            this.receivers = receivers;
          },
          wake: ({ name }) => this.woken.push(name),
        },
        onChanges: (changes) => this.changes.push(...changes),
        restart: BOARD_RESTART,
        redefine: async (all) => {
          this.declared.push(all.map(({ name }) => name));
        },
        again: () => this.board.offer({ type: 'tick' }),
      }),
    );
    t.teardown(() => this.#system.stop());
  }

  ask<T>(make: (replyTo: Reply<T>) => BoardCommand): Promise<T> {
    return this.board.ask(make, 5_000);
  }

  async at(offsetMs: number): Promise<void> {
    this.nowMs = START + offsetMs;
    this.board.offer({ type: 'tick' });
    await this.alarms();
  }

  alarms(): Promise<AlarmPage> {
    return this.ask((replyTo) => ({
      type: 'alarms',
      query: { tenant: 'acme', first: 10 },
      replyTo,
    }));
  }

  /** The next write fails; the actor crashes of it and is loaded again. */
  async crash(): Promise<void> {
    this.store.crashAfter(0);
    const asked = this.ask((replyTo) => ({
      type: 'addSilence',
      silence: { ...silence([is('a', 'b')], 0, MINUTE), id: 'lost' },
      replyTo,
    }));
    await asked.catch(() => {});
    for (let hasAnswered = false; !hasAnswered; ) {
      await setImmediate();
      hasAnswered = await this.alarms().then(
        () => true,
        () => false,
      );
    }
  }

  kept(): Promise<Delivery[]> {
    return allIn<Delivery>(this.store, boardRange(BOARD_ROW.delivery));
  }
}

test('while changes keep coming, ticks are judged: one is never overdue by more than a second', async (t) => {
  const server = new Server(t);
  for (let offsetMs = 0; offsetMs <= 4 * SECOND; offsetMs += 250) {
    server.nowMs = START + offsetMs;
    await server.ask<Checked<AlarmRule>>((replyTo) => ({
      type: 'putRule',
      rule: rule({ name: 'again', everyMs: SECOND, windowMs: (offsetMs / 250 + 1) * SECOND }),
      replyTo,
    }));
  }
  t.deepEqual(
    server.changes.map(({ transition }) => `${transition.rule}: ${transition.to}`),
    ['many: firing'],
  );
});

test('an alarm is committed, told of and shown', async (t) => {
  const server = new Server(t);
  await server.at(4 * SECOND);
  const { alarms, total } = await server.alarms();
  t.deepEqual(
    alarms.map(({ id, state, value, silencedBy }) => ({ id, state, value, silencedBy })),
    [{ id: alarmId('acme', 'many', ['api']), state: 'firing', value: 6, silencedBy: [] }],
  );
  t.is(total, 1);
  const boardOf = (tenant: string) =>
    server.ask<BoardView>((replyTo) => ({ type: 'board', tenant, replyTo }));
  t.like(await boardOf('acme'), { alarms: { firing: 1 }, waitingDeliveries: 1 });
  const others = await boardOf('umbrella');
  t.like(others, { lagMs: 0, evaluations: 0, alarms: { firing: 0 }, waitingDeliveries: 0 });
  t.deepEqual(server.woken, ['ops']);
  t.deepEqual(
    server.changes.map(({ transition }) => `${transition.from}>${transition.to}`),
    ['ok>firing'],
  );
  t.deepEqual((await server.deliveries.waiting(OPS, -1, 10)).length, 1);
});

test('what people changed is there after a crash', async (t) => {
  const server = new Server(t);
  await server.at(4 * SECOND);
  const added: Silence = silence([is('service', 'api')], 4 * SECOND, MINUTE);
  await server.ask((replyTo) => ({ type: 'addSilence', silence: added, replyTo }));
  const acknowledgement = { author: 'ann', comment: 'on it', atMs: server.nowMs };
  const alarm = alarmId('acme', 'many', ['api']);
  await server.ask((replyTo) => ({
    type: 'acknowledge',
    tenant: 'acme',
    alarm,
    acknowledgement,
    replyTo,
  }));
  await server.crash();
  const { alarms } = await server.alarms();
  t.deepEqual(alarms[0]?.silencedBy, [added.id]);
  t.deepEqual(alarms[0]?.acknowledgement, acknowledgement);
});

test('a rule is added, changed and removed; what it fired for resolves', async (t) => {
  const server = new Server(t, []);
  const put = (changed: AlarmRule) =>
    server.ask<Checked<AlarmRule>>((replyTo) => ({ type: 'putRule', rule: changed, replyTo }));
  t.true((await put(MANY)).ok);
  await server.at(4 * SECOND);
  t.true(
    (await put({ ...MANY, condition: { kind: 'threshold', above: { fire: 9, clear: 9 } } })).ok,
  );
  t.is((await server.alarms()).total, 0);
  await server.crash();
  await server.ask((replyTo) => ({ type: 'removeRule', tenant: 'acme', name: 'many', replyTo }));
  t.deepEqual(server.declared, [['many'], ['many'], []]);
  t.deepEqual(
    server.changes.map(({ transition: { from, to, reason } }) => `${from}>${to} ${reason}`),
    ['ok>firing abnormal', 'firing>ok ruleChanged'],
  );
});

test('what the configuration declares is changed only there', async (t) => {
  const server = new Server(t);
  const put = await server.ask<Checked<AlarmRule>>((replyTo) => ({
    type: 'putRule',
    rule: MANY,
    replyTo,
  }));
  const removed = await server.ask<Checked<boolean>>((replyTo) => ({
    type: 'removeReceiver',
    receiver: OPS,
    replyTo,
  }));
  const file = await server.ask<Checked<Receiver>>((replyTo) => ({
    type: 'putReceiver',
    receiver: receiver('other'),
    replyTo,
  }));
  const terminal = await server.ask<Checked<Receiver>>((replyTo) => ({
    type: 'putReceiver',
    receiver: consoleOf(),
    replyTo,
  }));
  t.deepEqual(
    [put, removed, file, terminal].map((answer) => (answer.ok ? '' : answer.error[0]?.path)),
    ['name', 'name', 'file', 'console'],
  );
});

test('a receiver stays while a route of its tenant names it', async (t) => {
  const server = new Server(t, []);
  const change = <T>(make: (replyTo: Reply<Checked<T>>) => BoardCommand) =>
    server.ask<Checked<T>>(make).then((answer) => (answer.ok ? answer.value : answer.error));
  const set = (routes: readonly Route[]) =>
    change<readonly Route[]>((replyTo) => ({
      type: 'setRoutes',
      tenant: 'acme',
      routes,
      replyTo,
    }));
  const remove = () =>
    change<boolean>((replyTo) => ({
      type: 'removeReceiver',
      receiver: { tenant: 'acme', name: 'hook' },
      replyTo,
    }));
  const { name, tenant, sendResolved, concurrency, timeoutMs, retry } = receiver('hook');
  const own: Receiver = {
    ...{ name, tenant, sendResolved, concurrency, timeoutMs, retry },
    kind: 'webhook',
    url: 'https://example.org/hook',
    method: 'POST',
    headers: {},
    secrets: [],
    allowNetworks: [],
  };
  await change<Receiver>((replyTo) => ({ type: 'putReceiver', receiver: own, replyTo }));
  await set([route(), route({ receiver: 'hook' })]);
  t.deepEqual(await remove(), [
    { path: 'name', message: 'routes[1] names it: set routes without it first' },
  ]);
  await set([route()]);
  t.true(await remove());
});

test('a time interval that does not exist is a problem where it is named', async (t) => {
  const server = new Server(t, []);
  const put = await server.ask<Checked<AlarmRule>>((replyTo) => ({
    type: 'putRule',
    rule: { ...MANY, suppress: ['nights'] },
    replyTo,
  }));
  const set = await server.ask<Checked<readonly Route[]>>((replyTo) => ({
    type: 'setRoutes',
    tenant: 'acme',
    routes: [route(), route({ activeIn: ['days'] })],
    replyTo,
  }));
  t.deepEqual(
    [put, set].map((answer) => (answer.ok ? '' : answer.error[0]?.path)),
    ['suppress[0]', 'routes[1].activeIn[0]'],
  );
});

test('a tenant is shown the routes to its own receivers', async (t) => {
  const server = new Server(t, []);
  const routesOf = (tenant: string) =>
    server.ask<OwnAndConfigured>((replyTo) => ({ type: 'routes', tenant, replyTo }));
  t.is((await routesOf('acme')).config.length, 1);
  t.is((await routesOf('other')).config.length, 0);
});

test('a receiver that is disabled loses what waits for it, and hears of the end when it is enabled', async (t) => {
  const server = new Server(t);
  await server.at(4 * SECOND);
  const enable = (isEnabled: boolean) =>
    server.ask<boolean>((replyTo) => ({
      type: 'setReceiverEnabled',
      receiver: OPS,
      isEnabled,
      replyTo,
    }));
  t.true(await enable(false));
  t.deepEqual(
    (await server.kept()).map(({ state }) => state),
    ['cancelled'],
  );
  t.deepEqual([server.receivers.length, server.deliveries.waitingTotal], [0, 0]);
  await server.crash();
  const [view] = await server.ask<readonly ReceiverView[]>((replyTo) => ({
    type: 'receivers',
    tenant: 'acme',
    replyTo,
  }));
  t.is(view?.disabled?.reason, 'operator');
  t.true(await enable(true));
  t.is(server.receivers.length, 1);
  await server.at(5 * MINUTE);
  const [, again] = await server.kept();
  t.deepEqual(
    again?.notification.alarms.map(({ status }) => status),
    ['resolved'],
  );
});

test('a receiver that is enabled already is told nothing twice', async (t) => {
  const server = new Server(t, [{ ...MANY, keepFiringForMs: 10 * MINUTE }]);
  await server.at(4 * SECOND);
  const isThere = await server.ask<boolean>((replyTo) => ({
    type: 'setReceiverEnabled',
    receiver: OPS,
    isEnabled: true,
    replyTo,
  }));
  t.true(isThere);
  await server.at(2 * MINUTE);
  t.is((await server.alarms()).total, 1);
  t.is((await server.kept()).length, 1);
});

test('an attempt that ends behind its receiver is not waited for again', async (t) => {
  const server = new Server(t);
  await server.at(4 * SECOND);
  const [made] = await server.kept();
  await server.ask<boolean>((replyTo) => ({
    type: 'setReceiverEnabled',
    receiver: OPS,
    isEnabled: false,
    replyTo,
  }));
  if (made !== undefined) await server.deliveries.record({ ...made, attemptCount: 1 });
  t.deepEqual(
    (await server.kept()).map(({ state, attemptCount }) => [state, attemptCount]),
    [['cancelled', 1]],
  );
});
