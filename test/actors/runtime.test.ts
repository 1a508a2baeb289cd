import test from 'ava';
import { type ActorSpec, ActorSystem } from '../../actors/runtime.ts';
import type { RestartLimit } from '../../actors/supervision.ts';
import { isFault } from '../../src/model/errors.ts';
import { ScriptedTime, silent, until } from './scripted-clock.ts';

type Command =
  | { readonly type: 'add'; readonly amount: number }
  | { readonly type: 'crash' }
  | { readonly type: 'block'; readonly until: Promise<void> }
  | { readonly type: 'read'; readonly replyTo: (sum: number | Error) => void };

const LIMIT: RestartLimit = {
  maxRestarts: 2,
  withinMs: 60_000,
  backoffMinMs: 100,
  backoffMaxMs: 800,
};

interface Sum {
  value: number;
}

function counting(overrides: Partial<ActorSpec<Sum, Command>> = {}): ActorSpec<Sum, Command> {
  return {
    name: '7',
    mailboxMax: 4,
    restart: LIMIT,
    start: () => ({ value: 0 }),
    async receive(sum, command) {
      if (command.type === 'add') sum.value += command.amount;
      else if (command.type === 'crash') throw new Error('boom');
      else if (command.type === 'block') await command.until;
      else command.replyTo(sum.value);
    },
    ...overrides,
  };
}

function scene(overrides: Partial<ActorSpec<Sum, Command>> = {}) {
  const time = new ScriptedTime();
  const { clock, sleep } = time;
  const system = new ActorSystem({ clock, sleep, random: () => 0.999_999, log: silent });
  const actor = system.spawn('counter', counting(overrides));
  const read = () => actor.ask<number>((replyTo) => ({ type: 'read', replyTo }), 5_000);
  return { time, system, actor, read };
}

test('messages are handled in order, behind the start of the actor', async (t) => {
  const { actor, read, system } = scene({ start: async () => ({ value: 40 }) });
  t.is(actor.offer({ type: 'add', amount: 2 }), 'accepted');
  t.is(await read(), 42);
  t.is(actor.path, 'counter/7');
  await system.stop();
});

test('a full mailbox refuses, and gives credit when there is room again', async (t) => {
  const { actor, system, read } = scene();
  const gate = Promise.withResolvers<void>();
  actor.offer({ type: 'block', until: gate.promise });
  for (let i = 0; i < 3; i++) t.is(actor.offer({ type: 'add', amount: 1 }), 'accepted');
  t.is(actor.offer({ type: 'add', amount: 1 }), 'full');
  const refused = await t.throwsAsync(read());
  t.true(isFault(refused, 'mailbox_full'));
  let hasCredit = false;
  const credit = actor.credit(2).then(() => {
    hasCredit = true;
  });
  await until(() => actor.depth === 4);
  t.false(hasCredit);
  gate.resolve();
  await credit;
  t.true(actor.depth < 2);
  t.is(await read(), 3);
  await system.stop();
});

test('what overtakes is handled before all that waits, and eight of it before one of the others', async (t) => {
  const handled: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { actor, system } = scene({
    mailboxMax: 20,
    overtakes: ({ type }) => type === 'read',
    async receive(_, command) {
      handled.push(command.type);
      if (command.type === 'block') await command.until;
    },
  });
  actor.offer({ type: 'block', until: gate.promise });
  await until(() => handled.length === 1);
  for (let i = 0; i < 3; i++) actor.offer({ type: 'add', amount: 1 });
  for (let i = 0; i < 10; i++) actor.offer({ type: 'read', replyTo: () => {} });
  gate.resolve();
  await until(() => actor.depth === 0);
  const reads = (count: number) => Array.from({ length: count }, () => 'read');
  t.deepEqual(handled, ['block', ...reads(8), 'add', ...reads(2), 'add', 'add']);
  await system.stop();
});

test('what overtook is lost in a crash as all that waits, and its asker told', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { time, actor, read, system } = scene({
    overtakes: ({ type }) => type !== 'add',
  });
  actor.offer({ type: 'block', until: gate.promise });
  actor.offer({ type: 'add', amount: 1 });
  actor.offer({ type: 'crash' });
  const asked = read();
  gate.resolve();
  t.true(isFault(await t.throwsAsync(asked), 'actor_stopped'));
  await until(() => time.waits.length === 1);
  time.endWait();
  await until(() => actor.state === 'running');
  actor.offer({ type: 'add', amount: 5 });
  await until(() => actor.depth === 0);
  t.is(await read(), 5, 'the one that was lost is not handled, and the one behind it is, once');
  t.like(system.snapshot()[0], { deadLetters: 3, handled: 3 });
  await system.stop();
});

test('a crash starts the actor anew after the backoff; what waited is lost, counted, and its asker told', async (t) => {
  const { time, system, actor, read } = scene();
  const gate = Promise.withResolvers<void>();
  actor.offer({ type: 'block', until: gate.promise });
  actor.offer({ type: 'crash' });
  const asked = read();
  actor.offer({ type: 'add', amount: 1 });
  gate.resolve();
  const fault = await t.throwsAsync(asked);
  t.true(isFault(fault, 'actor_stopped'));
  t.is(actor.state, 'restarting');
  t.is(actor.offer({ type: 'add', amount: 1 }), 'stopped');
  await until(() => time.waits.length === 1);
  t.is(time.endWait(), 100);
  await until(() => actor.state === 'running');
  t.is(await read(), 0);
  const [seen] = system.snapshot();
  t.like(seen, { restarts: 1, deadLetters: 4, state: 'running', lastError: 'boom' });
  t.deepEqual(
    system.deadLetters.map(({ messageType }) => messageType),
    ['crash', 'read', 'add', 'add'],
  );
  await system.stop();
});

test('past its limit an actor has failed and stays visible', async (t) => {
  const { time, system, actor, read } = scene();
  for (const wait of [100, 200]) {
    actor.offer({ type: 'crash' });
    await until(() => time.waits.length === 1);
    t.is(time.endWait(), wait);
    await until(() => actor.state === 'running');
  }
  actor.offer({ type: 'crash' });
  await until(() => actor.state === 'failed');
  const fault = await t.throwsAsync(read());
  t.true(isFault(fault, 'restart_limit'));
  t.regex(fault?.message ?? '', /boom/);
  t.like(system.snapshot()[0], { path: 'counter/7', state: 'failed', restarts: 2 });
  await system.stop();
});

test('a failed actor with a retry time comes back when its fault goes away', async (t) => {
  let broken = false;
  const { time, system, actor, read } = scene({
    restart: { ...LIMIT, retryFailedMs: 30_000 },
    start: () => {
      if (broken) throw new Error('disk full');
      return { value: 5 };
    },
  });
  await until(() => actor.state === 'running');
  broken = true;
  actor.offer({ type: 'crash' });
  for (const [wait, state] of [
    [100, 'restarting'],
    [200, 'restarting'],
    [30_000, 'failed'],
  ] as const) {
    await until(() => time.waits.length === 1);
    t.is(actor.state, state);
    broken = wait < 30_000;
    t.is(time.endWait(), wait);
  }
  await until(() => actor.state === 'running');
  t.is(await read(), 5);
  await system.stop();
});

test('a stop handles what waits, says its last words, and takes nothing more', async (t) => {
  let last = 0;
  const { system, actor } = scene({
    stop: async ({ value }) => {
      last = value;
    },
  });
  for (const amount of [1, 2, 3]) actor.offer({ type: 'add', amount });
  const stopped = actor.stop();
  t.is(actor.offer({ type: 'add', amount: 100 }), 'stopped');
  await stopped;
  t.is(last, 6);
  t.is(actor.state, 'stopped');
  t.deepEqual(system.snapshot(), []);
  await system.stop();
});

test('a stop does not wait for a backoff', async (t) => {
  const { time, system, actor } = scene();
  actor.offer({ type: 'crash' });
  await until(() => time.waits.length === 1);
  await system.stop();
  t.is(actor.state, 'stopped');
});

test('a stop while the actor starts again after a crash ends it behind its start', async (t) => {
  let starts = 0;
  const loading = Promise.withResolvers<void>();
  const { time, system, actor } = scene({
    start: async () => {
      if (++starts > 1) await loading.promise;
      return { value: 0 };
    },
  });
  actor.offer({ type: 'crash' });
  await until(() => time.waits.length === 1);
  time.endWait();
  await until(() => starts === 2);
  const stopped = system.stop();
  loading.resolve();
  await stopped;
  t.is(actor.state, 'stopped');
});

test('a crash while stopping ends the actor', async (t) => {
  const { system, actor } = scene({
    stop: () => {
      throw new Error('cannot flush');
    },
  });
  await until(() => actor.state === 'running');
  await actor.stop();
  t.is(actor.state, 'stopped');
  await system.stop();
});

test('an actor that answers too late is a timeout', async (t) => {
  const { system, actor } = scene();
  const gate = Promise.withResolvers<void>();
  actor.offer({ type: 'block', until: gate.promise });
  const late = await t.throwsAsync(actor.ask<number>((replyTo) => ({ type: 'read', replyTo }), 1));
  t.true(isFault(late, 'query_timeout'));
  gate.resolve();
  await system.stop();
});

test('the tree shows depth and the age of the oldest message', async (t) => {
  const { time, system, actor } = scene();
  await until(() => actor.state === 'running');
  const gate = Promise.withResolvers<void>();
  actor.offer({ type: 'block', until: gate.promise });
  time.nowMs += 300;
  actor.offer({ type: 'add', amount: 1 });
  time.nowMs += 50;
  t.like(system.snapshot()[0], {
    path: 'counter/7',
    name: '7',
    mailboxDepth: 2,
    mailboxMax: 4,
    oldestMessageAgeMs: 350,
    handled: 0,
  });
  gate.resolve();
  await until(() => actor.depth === 0);
  t.like(system.snapshot()[0], { oldestMessageAgeMs: null, handled: 2 });
  await system.stop();
});
