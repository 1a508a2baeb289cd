import test from 'ava';
import { encodePositions } from '../../src/model/positions.ts';
import { offset } from '../../src/model/units.ts';
import { appliedAfter } from '../../src/query/after.ts';
import { progressTicks, setOwned } from '../../src/threads/progress.ts';
import { BY_TYPE } from '../actors/partition/group-scene.ts';
import { until } from '../actors/scripted-clock.ts';
import { ClusterScene, PATIENT_MS } from './node-scene.ts';

async function threeNodes(t: Parameters<typeof ClusterScene.open>[0]) {
  const nodes = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
  const scene = await ClusterScene.open(t, { partitions: 2, rollups: [BY_TYPE], nodes });
  return { scene, a: scene.node('a'), b: scene.node('b'), c: scene.node('c') };
}

test('of a partition that has come to another node nothing is known until that one tells of it', async (t) => {
  const { scene, a, b, c } = await threeNodes(t);
  a.scene.shared.applied[0] = 1_000;
  scene.assign({ a: [0], b: [1], c: [] });
  await scene.met();
  await until(() => c.client.appliedOffset(0) === 1_000);
  scene.assign({ a: [], b: [0, 1], c: [] });
  // It has heard that it is to have it, and not taken it yet.
  setOwned(b.progress, [0], false);
  t.is(c.remote.knownMsAgo(0), Number.POSITIVE_INFINITY);
  t.true(Number.isFinite(c.remote.knownMsAgo(1)), 'that one has not moved');
  t.is(c.client.appliedOffset(0), 0);
  let isAfter = false;
  const position = encodePositions(new Map([[0, offset(1_000)]]));
  const after = appliedAfter(position, c.client, PATIENT_MS).then(() => {
    isAfter = true;
  });
  b.progress.committed[1] = 9;
  await until(() => c.progress.committed[1] === 9);
  t.is(c.remote.knownMsAgo(0), Number.POSITIVE_INFINITY, 'it has told of another one alone');
  t.false(isAfter);
  b.scene.shared.applied[0] = 1_000;
  setOwned(b.progress, [0], true);
  await after;
  t.true(Number.isFinite(c.remote.knownMsAgo(0)));
});

test('who waits looks again when the new owner tells for the first time, also if it has applied nothing', async (t) => {
  const { scene, b, c } = await threeNodes(t);
  b.scene.shared.applied[0] = 0;
  const ticks = progressTicks(c.progress);
  scene.assign({ a: [], b: [0], c: [] });
  b.scene.shared.applied[0] = 0;
  await until(() => Number.isFinite(c.remote.knownMsAgo(0)));
  t.is(c.client.appliedOffset(0), 0);
  t.true(progressTicks(c.progress) > ticks);
});
