import test from 'ava';
import { Declarer } from '../src/declarer.ts';
import type { AlarmRule } from '../src/model/alarm.ts';
import { AppError } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import { rule } from './actors/alarm-board/scene.ts';

function scene() {
  const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const waits: ((() => void) & { readonly ms: number })[] = [];
  const declared: string[][] = [];
  const disk = { isBroken: true };
  const declarer = new Declarer<AlarmRule>({
    what: 'alarm rules',
    redefine: async (rules) => {
      if (disk.isBroken) throw new AppError('log_io', 'the disk is gone');
      declared.push(rules.map(({ name }) => name));
    },
    clock: { now: () => 0 },
    sleep: (ms) => new Promise((resolve) => waits.push(Object.assign(resolve, { ms }))),
    log,
  });
  const turn = async () => {
    for (const wake of waits.splice(0)) wake();
    for (let i = 0; i < 8; i++) await null;
  };
  return { declarer, declared, disk, turn, waits };
}

test('rules that could not be declared are declared as soon as that can be, and who asked is told so', async (t) => {
  const { declarer, declared, disk, turn } = scene();
  const error = await t.throwsAsync(declarer.declare([rule({ name: 'a' })]), {
    instanceOf: AppError,
  });
  t.is(error.code, 'log_io');
  t.regex(error.message, /is stored.*tried again: the disk is gone/);
  await turn();
  t.deepEqual(declared, []);
  disk.isBroken = false;
  await turn();
  t.deepEqual(declared, [['a']]);
});

test('what has changed since is declared instead', async (t) => {
  const { declarer, declared, disk, turn, waits } = scene();
  await t.throwsAsync(declarer.declare([rule({ name: 'a' })]));
  disk.isBroken = false;
  await declarer.declare([rule({ name: 'a' }), rule({ name: 'b' })]);
  await turn();
  t.deepEqual(declared, [['a', 'b']]);
  t.is(waits.length, 0);
});

test('changes in a loop wait for their second once a burst of them is used up, and are declared together', async (t) => {
  const { declarer, declared, disk, turn, waits } = scene();
  disk.isBroken = false;
  for (let i = 0; i < 20; i++) await declarer.declare([rule({ name: `r${i}` })]);
  t.is(declared.length, 20);
  const waiting = ['a', 'b', 'c'].map((name) => declarer.declare([rule({ name })]));
  await null;
  await null;
  t.deepEqual(
    waits.map(({ ms }) => ms),
    [1_000],
  );
  t.is(declared.length, 20);
  await turn();
  await Promise.all(waiting);
  t.deepEqual(declared.slice(20), [['c']]);
});

test('one declaration is under way at a time', async (t) => {
  const under: (() => void)[] = [];
  const started: string[] = [];
  const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const declarer = new Declarer<AlarmRule>({
    what: 'alarm rules',
    redefine: ([first]) => {
      started.push(first?.name ?? '');
      return new Promise((resolve) => under.push(resolve));
    },
    clock: { now: () => 0 },
    sleep: async () => {},
    log,
  });
  const all = ['a', 'b', 'c'].map((name) => async () => declarer.declare([rule({ name })]));
  const first = all[0]?.();
  for (let i = 0; i < 8; i++) await null;
  const others = [all[1]?.(), all[2]?.()];
  for (let i = 0; i < 8; i++) await null;
  t.deepEqual(started, ['a']);
  under[0]?.();
  await first;
  for (let i = 0; i < 8; i++) await null;
  t.deepEqual(started, ['a', 'c']);
  under[1]?.();
  await t.notThrowsAsync(Promise.all(others));
});

test('what waits when it is closed is not declared, as another may declare by then', async (t) => {
  const { declarer, declared, disk, turn, waits } = scene();
  disk.isBroken = false;
  for (let i = 0; i < 20; i++) await declarer.declare([rule({ name: `r${i}` })]);
  const waiting = declarer.declare([rule({ name: 'late' })]);
  while (waits.length === 0) await null;
  declarer.close();
  await turn();
  await t.throwsAsync(waiting, { code: 'actor_stopped' });
  await t.throwsAsync(declarer.declare([rule({ name: 'later' })]), { code: 'actor_stopped' });
  t.is(declared.length, 20);
});

test('what has failed is not tried again once it is closed', async (t) => {
  const { declarer, declared, disk, turn, waits } = scene();
  await t.throwsAsync(declarer.declare([rule({ name: 'a' })]), { code: 'log_io' });
  declarer.close();
  disk.isBroken = false;
  await turn();
  t.deepEqual(declared, []);
  t.is(waits.length, 0);
});
