import test, { type ExecutionContext } from 'ava';
import { EMPTY_SNAPSHOT, encodePartitionState } from '../../actors/partition/snapshot.ts';
import { AppError } from '../../src/model/errors.ts';
import { DEFAULT_RESOLUTIONS, type RollupDefinition } from '../../src/model/rollup.ts';
import { RollupsInForce } from '../../src/query/rollups-in-force.ts';
import { definitionsKey, partitionStateKey } from '../../storage/state/keys.ts';
import type { StateReader } from '../../storage/state/state.ts';

const rollupOf = (name: string, frozen?: true): RollupDefinition => ({
  ...{ name, stream: 'events', filter: [], dimensions: ['type'], measures: [{ op: 'count' }] },
  ...{ resolutions: DEFAULT_RESOLUTIONS, latenessMs: 10_000, seriesMax: 100 },
  ...(frozen && { frozen }),
});

const BEGAN_MS = 1_000;
const { position, watermarkMs, nowMs, producers, generations } = EMPTY_SNAPSHOT;

/** Partition 0, which has been declared what `declared` says at each look. */
function stateOf(declared: () => readonly RollupDefinition[] | undefined): StateReader {
  const row = encodePartitionState({ position, watermarkMs, nowMs, producers, generations });
  return {
    async getMany(keys) {
      const rollups = declared();
      return keys.map((key) => {
        if (Buffer.compare(key, partitionStateKey(0)) === 0) return row;
        const isDefinitions = Buffer.compare(key, definitionsKey(0)) === 0;
        if (!isDefinitions || rollups === undefined) return undefined;
        const began = { known: { version: 1, atMs: BEGAN_MS } };
        return Buffer.from(JSON.stringify({ type: 'setRollups', version: 1, rollups, began }));
      });
    },
    page: async () => [],
  };
}

const TENANT = 'acme';
const namesOf = (rollups: readonly RollupDefinition[]) => rollups.map(({ name }) => name);

/** As of a node of a cluster, unless `isNode` says otherwise. */
function inForce(
  t: ExecutionContext,
  declared: readonly RollupDefinition[],
  state: StateReader,
  isNode = true,
): RollupsInForce {
  const all = new RollupsInForce({ state, declared: () => declared, isNode });
  t.teardown(() => all.stop());
  return all;
}

test('what is configured holds until the partition has been declared anything', async (t) => {
  const all = inForce(
    t,
    [rollupOf('own')],
    stateOf(() => undefined),
  );
  await all.look();
  t.deepEqual(namesOf(all.rollups(TENANT)), ['own']);
});

test('what the leader has declared is asked, without what is there for alarm rules', async (t) => {
  const state = stateOf(() => [rollupOf('led'), rollupOf('hidden', true)]);
  const all = inForce(t, [rollupOf('own')], state);
  await all.look();
  const [before] = all.rollups(TENANT);
  t.deepEqual(namesOf(all.rollups(TENANT)), ['led']);
  await all.look();
  t.is(all.rollups(TENANT)[0], before);
});

test('a tenant is shown what all have, and its own', async (t) => {
  const own = { ...rollupOf('declared.acme.a'), tenant: 'acme' };
  const others = { ...rollupOf('declared.other.a'), tenant: 'other' };
  const all = inForce(
    t,
    [],
    stateOf(() => [rollupOf('led'), own, others]),
  );
  await all.look();
  t.deepEqual(namesOf(all.rollups('acme')), ['led', own.name]);
  t.deepEqual(namesOf(all.rollups('other')), ['led', others.name]);
});

test('while the partition does not answer, what is known stays', async (t) => {
  let isAway = false;
  const state = stateOf(() => {
    if (isAway) throw new AppError('node_away', 'it is silent');
    return [rollupOf('led')];
  });
  const all = inForce(t, [], state);
  await all.look();
  isAway = true;
  await all.look();
  t.is(all.rollups(TENANT).length, 1);
});

test('a rollup that the partition has not come to yet, or has otherwise, does not count yet', async (t) => {
  const known = rollupOf('known');
  const all = inForce(
    t,
    [known],
    stateOf(() => [known]),
    false,
  );
  t.is(all.sinceMs(TENANT, rollupOf('new')), Number.NEGATIVE_INFINITY, 'nobody has looked yet');
  await all.look();
  t.is(all.sinceMs(TENANT, known), BEGAN_MS);
  t.is(all.sinceMs(TENANT, rollupOf('new')), Number.POSITIVE_INFINITY);
  t.is(all.sinceMs(TENANT, { ...known, dimensions: [] }), Number.POSITIVE_INFINITY);
});
