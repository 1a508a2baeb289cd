/** Partitions that come to a group and leave it while events do. */
import test from 'ava';
import { AppError, isFault } from '../../../src/model/errors.ts';

import type { StateStore } from '../../../storage/state/state.ts';
import { Random } from '../../simulation/random.ts';
import { BY_TYPE, GroupScene, NOW_MS, scratchDir } from './group-scene.ts';

const events = (count: number, type: string) =>
  Array.from({ length: count }, (_, n) => ({ id: `${type}-${n}`, ts: NOW_MS, type, n }));

for (const seed of [1, 2, 3]) {
  test(`each event counts once, whenever its partition comes and goes (seed ${seed})`, async (t) => {
    const partitions = 4;
    const random = new Random(seed);
    const below = (count: number) => Math.floor(random.next() * count);
    const scene = await GroupScene.open({ dir: await scratchDir(t), partitions, taken: [] });
    const sent = Array.from({ length: partitions }, () => 0);
    const moves: Promise<void>[] = [];
    await scene.declare([BY_TYPE]);
    for (let step = 0; step < 150; step++) {
      const partition = below(partitions);
      const kind = below(6);
      if (kind < 3) {
        sent[partition] = (sent[partition] as number) + 3;
        await scene.send(partition, events(3, `s${step}`));
      } else if (kind < 5) {
        moves.push(scene.group.take([partition, below(partitions)]));
      } else {
        moves.push(scene.group.give([partition]));
      }
      if (below(3) === 0) await Promise.all(moves);
      scene.group.commit();
    }
    await scene.group.take([0, 1, 2, 3]);
    await Promise.all(moves);
    await scene.applied();
    for (const [partition, received] of sent.entries()) {
      t.like(await scene.ledger(partition), { received, applied: received, duplicate: 0 });
    }
    const restarts = scene.system.snapshot().map((actor) => actor.restarts);
    t.deepEqual(restarts, [0, 0, 0, 0]);
    await scene.close();
  });
}

test('what is given is committed as far as it is applied, and nobody can ask it from the call on', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(9, 'view'));
  await scene.send(1, events(5, 'click'));
  await scene.applied();
  const given = scene.group.give([0]);
  t.true(
    isFault(
      t.throws(() => scene.group.partition(0)),
      'partition_elsewhere',
    ),
  );
  await given;
  t.is(scene.committed.get(0), scene.shared.applied[0]);
  t.deepEqual(
    scene.group.partitions.map(({ id }) => id),
    [1],
  );
  const appliedHere = scene.shared.applied[0];
  await scene.send(0, events(4, 'later'));
  await scene.send(1, events(4, 'later'));
  await scene.until(
    () => (scene.shared.applied[1] as number) >= (scene.shared.partitionEnds[1] as number),
  );
  t.is(scene.shared.applied[0], appliedHere, 'nothing is applied that is elsewhere');
  t.like(await scene.ledger(1), { received: 9, applied: 9 });
  await scene.close();
});

test('a group whose partitions have all gone reads for those that come', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(3, 'a'));
  await scene.applied();
  await scene.group.give([0, 1]);
  t.deepEqual(scene.group.problems(), []);
  await scene.send(0, events(3, 'b'));
  await scene.send(1, events(3, 'c'));
  await scene.group.take([1]);
  await scene.until(
    () => (scene.shared.applied[1] as number) >= (scene.shared.partitionEnds[1] as number),
  );
  await scene.group.take([0]);
  await scene.applied();
  t.like(await scene.ledger(0), { received: 6, applied: 6, duplicate: 0 });
  t.like(await scene.ledger(1), { received: 3, applied: 3, duplicate: 0 });
  await scene.close();
});

test('a partition that goes while it loads is gone when it has; it comes back like all others', async (t) => {
  const loading = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  let isSlow = true;
  const slow = (store: StateStore): StateStore => ({
    ...store,
    getMany: async (keys) => {
      if (isSlow && keys[0]?.[1] === 1) {
        asked.resolve();
        await loading.promise;
      }
      return store.getMany(keys);
    },
  });
  const scene = await GroupScene.open({ dir: await scratchDir(t), taken: [0], store: slow });
  await scene.declare([BY_TYPE]);
  await scene.send(1, events(3, 'a'));
  const taken = scene.group.take([1]);
  await asked.promise;
  t.deepEqual(scene.group.problems(), [], 'loading is no problem');
  const given = scene.group.give([1]);
  const again = scene.group.take([1]);
  isSlow = false;
  loading.resolve();
  await Promise.all([taken, given, again]);
  await scene.applied();
  t.like(await scene.ledger(1), { received: 3, applied: 3, duplicate: 0 });
  await scene.close();
});

test('a partition that crashes as it goes is gone; what it had not committed is read again', async (t) => {
  let isBroken = false;
  const broken = (store: StateStore): StateStore => ({
    ...store,
    commit: async (ops) => {
      if (isBroken) throw new AppError('state_io', 'the disk is full');
      await store.commit(ops);
    },
  });
  const scene = await GroupScene.open({ dir: await scratchDir(t), store: broken });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(3, 'a'));
  await scene.applied();
  isBroken = true;
  await scene.group.give([0]);
  isBroken = false;
  await scene.group.take([0]);
  await scene.applied();
  t.like(await scene.ledger(0), { received: 3, applied: 3, duplicate: 0 });
  await scene.close();
});

test('a partition that cannot load is a problem only while it is here', async (t) => {
  const torn = (store: StateStore): StateStore => ({
    ...store,
    getMany: async (keys) => {
      if (keys[0]?.[1] === 1) throw new AppError('state_corrupt', 'a torn row');
      return store.getMany(keys);
    },
  });
  const scene = await GroupScene.open({ dir: await scratchDir(t), taken: [0], store: torn });
  await scene.group.take([1]);
  t.regex(scene.group.problems().join(), /^partition 1 .*a torn row/);
  await scene.group.give([1]);
  t.deepEqual(scene.group.problems(), []);
  await scene.close();
});

test('a group that ends while partitions come and go ends them all', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t), partitions: 3 });
  await scene.declare([BY_TYPE]);
  await scene.send(2, events(3, 'a'));
  await scene.applied();
  const moves = [scene.group.give([0]), scene.group.take([0]), scene.group.give([2])];
  await scene.close();
  await Promise.all(moves);
  t.deepEqual(scene.system.snapshot(), []);
  t.is(scene.committed.get(2), scene.shared.applied[2]);
});
