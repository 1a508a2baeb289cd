import test from 'ava';
import { Rollups } from '../../../actors/partition/rollups.ts';
import { isFault } from '../../../src/model/errors.ts';
import { identityOf, type RollupDefinition } from '../../../src/model/rollup.ts';
import { BY_TYPE, NOW_MS, TENANT } from './group-scene.ts';

const request = (definition: RollupDefinition) => ({
  tenant: TENANT,
  rollup: definition.name,
  identity: identityOf(definition),
  fromMs: 0,
  toMs: NOW_MS * 2,
  steps: definition.resolutions.map(({ stepMs }) => stepMs),
  groups: [0],
});

test('a question about another definition of a rollup waits until the partition has come to it', (t) => {
  const rollups = new Rollups(0, { type: 'setRollups', version: 1, rollups: [BY_TYPE] });
  rollups.restore([{ tenant: TENANT, rollup: BY_TYPE.name, series: [], rows: [] }], NOW_MS);
  t.is(rollups.collect(request(BY_TYPE), NOW_MS).closedToMs.length, 2);
  const coarser = {
    ...BY_TYPE,
    resolutions: [{ stepMs: 10_000, retentionMs: 3_600_000 }],
  };
  const early = t.throws(() => rollups.collect(request(coarser), NOW_MS));
  t.true(isFault(early, 'rollup_changing'));
  rollups.declare({ type: 'setRollups', version: 2, rollups: [coarser] }, NOW_MS, NOW_MS);
  t.is(rollups.collect(request(coarser), NOW_MS).closedToMs.length, 1);
  t.throws(() => rollups.collect(request(BY_TYPE), NOW_MS));
});

test('before the first definitions nothing can be asked', (t) => {
  const error = t.throws(() => new Rollups(0, undefined).collect(request(BY_TYPE), NOW_MS));
  t.true(isFault(error, 'rollup_changing'));
});
