/** Rollups as they are declared and dropped: what is stored, and what the partitions are told. */
import test from 'ava';
import { readRollup } from '../src/config/rollups.ts';
import { Declarations } from '../src/declarations.ts';
import { definitionOf } from '../src/declared-rollups.ts';
import type { Logger } from '../src/model/logger.ts';
import type { RollupDefinition, RollupsControl } from '../src/model/rollup.ts';
import { RollupSide } from '../src/rollup-side.ts';
import { declaredRollupOp, loadDeclaredRollups } from '../storage/state/rollup-rows.ts';
import type { StateOp } from '../storage/state/state.ts';
import { MemoryStore } from './simulation/memory-store.ts';

const RAW = { name: 'by_shop', stream: 'shop', dimensions: ['shop'], measures: ['count'] };

/** Whose first commits wait until they are let go. */
class SlowStore extends MemoryStore {
  readonly waiting: (() => void)[] = [];
  slow = 0;

  override async commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    if (this.slow-- > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
    await super.commit(ops, durability);
  }
}

function definition(raw: object = {}): RollupDefinition {
  const read = readRollup({ ...RAW, ...raw });
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return definitionOf('a', read.value);
}

async function scene(configured: readonly RollupDefinition[], stored: readonly RollupDefinition[]) {
  const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const store = new SlowStore();
  await store.commit(stored.map((each) => declaredRollupOp(each.name, each)));
  const declarations = new Declarations(1, { configured, declared: [], rules: [] });
  const told: RollupsControl[] = [];
  declarations.logThrough(async (control) => void told.push(control));
  const notAsked = () => Promise.reject(new Error('not asked'));
  const partitions = {
    ...{ partitions: 1, collect: notAsked, ledger: notAsked, overflows: notAsked },
    ...{ appliedOffset: () => 0, endOffset: () => 0, onApplied: () => () => {} },
  };
  const side = new RollupSide({
    configured,
    store,
    everywhere: store,
    partitions,
    declarations,
    log,
  });
  await side.start();
  return { side, store, told };
}

test('of two changes at once the partitions are told what the disk has, although the first commit takes longer', async (t) => {
  const { side, store, told } = await scene([], []);
  store.slow = 1;
  const first = side.define('a', { ...RAW, dimensions: ['shop'] });
  const second = side.define('a', { ...RAW, dimensions: ['city'] });
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  for (const go of store.waiting) go();
  t.true((await first).ok);
  t.true((await second).ok);
  const onDisk = await loadDeclaredRollups(store);
  t.deepEqual(
    onDisk.map(({ dimensions }) => dimensions),
    [['city']],
  );
  t.deepEqual(told.at(-1)?.rollups, onDisk);
});

test('a rollup that the configuration has come to hide can be dropped; one of the configuration cannot', async (t) => {
  const hidden = definition();
  const { tenant: _, ...same } = hidden;
  const { side, store } = await scene([{ ...same, name: 'by_shop' }], [hidden]);
  t.deepEqual(await side.drop('a', 'by_shop'), { ok: true, value: true });
  t.deepEqual(await loadDeclaredRollups(store), []);
  t.like(await side.drop('a', 'by_shop'), { ok: false, error: [{ path: 'name' }] });
});

test('a change that waits for its turn is not stored once this server declares no more', async (t) => {
  const { side, store } = await scene([], []);
  store.slow = 1;
  const first = side.define('a', RAW);
  const second = side.define('a', { ...RAW, name: 'late' });
  while (store.waiting.length === 0) await new Promise(setImmediate);
  side.stop();
  for (const go of store.waiting) go();
  await t.throwsAsync(first, { code: 'actor_stopped' });
  await t.throwsAsync(second, { code: 'actor_stopped' });
  t.deepEqual(
    (await loadDeclaredRollups(store)).map(({ name }) => name),
    [definition().name],
  );
});
