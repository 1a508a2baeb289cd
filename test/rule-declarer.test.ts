import test from 'ava';
import { AppError } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import { RuleDeclarer } from '../src/rule-declarer.ts';
import { rule } from './actors/alarm-board/scene.ts';

function scene() {
  const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const waits: (() => void)[] = [];
  const declared: string[][] = [];
  const disk = { isBroken: true };
  const declarer = new RuleDeclarer({
    redefine: async (rules) => {
      if (disk.isBroken) throw new AppError('log_io', 'the disk is gone');
      declared.push(rules.map(({ name }) => name));
    },
    sleep: () => new Promise((resolve) => waits.push(resolve)),
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
