import test from 'ava';
import { Declarations, type RollupSet } from '../../src/declarations.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { RollupsControl } from '../../src/model/rollup.ts';
import { Definer } from '../../src/threads/definer.ts';

const NO_ROLLUPS: RollupSet = { configured: [], declared: [], rules: [] };
const control = (version: number): RollupsControl => ({ type: 'setRollups', version, rollups: [] });

function scene() {
  const logged: number[] = [];
  const waits: (() => void)[] = [];
  const log = { isFull: false, waited: 0 };
  const definer = new Definer({
    isPassing: (error) => isFault(error, 'log_full'),
    append: async ({ version }) => {
      if (log.isFull) throw new AppError('log_full', 'no room');
      logged.push(version);
    },
    sleep: () => new Promise((resolve) => waits.push(resolve)),
    onWait: () => {
      log.waited += 1;
    },
  });
  const turn = async () => {
    for (let i = 0; i < 5; i++) await null;
    for (const wake of waits.splice(0)) wake();
    for (let i = 0; i < 5; i++) await null;
  };
  return { definer, log, logged, turn };
}

test('definitions that find the log full are logged when it has room; the newest stand for those before', async (t) => {
  const { definer, log, logged, turn } = scene();
  log.isFull = true;
  const done: number[] = [];
  const all = [1, 2, 3].map((v) => definer.define(control(v)).then(() => done.push(v)));
  await turn();
  await turn();
  t.is(log.waited, 3);
  t.deepEqual(done, []);
  log.isFull = false;
  await turn();
  await Promise.all(all);
  t.deepEqual(logged, [3]);
  await definer.define(control(4));
  await definer.define(control(2));
  t.deepEqual(logged, [3, 4], 'what is older is known already');
});

test('what room does not help against is told', async (t) => {
  const definer = new Definer({
    isPassing: (error) => isFault(error, 'log_full'),
    append: () => Promise.reject(new AppError('log_io', 'the disk is gone')),
    sleep: () => Promise.resolve(),
    onWait: () => t.fail(),
  });
  await t.throwsAsync(() => definer.define(control(1)), { message: 'the disk is gone' });
});

test('versions grow with every change and every start, beyond those that counted starts alone', async (t) => {
  const versions: number[] = [];
  for (const starts of [2, 3, 1_000_000]) {
    const declarations = new Declarations(starts, NO_ROLLUPS);
    declarations.logThrough(async ({ version }) => void versions.push(version));
    versions.push(declarations.current.version);
    await declarations.redefine({ rules: [] });
    await declarations.redefine({ declared: [] });
    t.is(versions.at(-1), declarations.current.version);
  }
  t.deepEqual(
    versions,
    [...versions].sort((a, b) => a - b),
  );
  t.is(new Set(versions).size, 9);
  t.true(versions.every((version) => version > 1_000_000 && Number.isSafeInteger(version)));
});
