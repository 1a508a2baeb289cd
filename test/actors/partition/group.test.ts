import test, { type ExecutionContext } from 'ava';
import { POISON_CODE } from '../../../actors/partition/left-out.ts';
import type { LedgerReply } from '../../../actors/partition/protocol.ts';
import { AT, sealBlock } from '../../../src/model/block-format.ts';
import { AppError, isFault } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import type { OpenReader } from '../../../storage/log/log.ts';
import { deadLetterRange } from '../../../storage/state/keys.ts';
import { decodeDeadLetter } from '../../../storage/state/rows.ts';
import { type StateStore, scan } from '../../../storage/state/state.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';
import { BY_TYPE, GroupScene, NOW_MS, scratchDir, TENANT } from './group-scene.ts';

const events = (count: number, type = 'view') =>
  Array.from({ length: count }, (_, n) => ({ id: `${type}-${n}`, ts: NOW_MS, type, n }));

/** Rejects the commits that `fails` names by their number, before they do anything. */
const failing =
  (fails: (commit: number) => Error | undefined) =>
  (store: StateStore): StateStore => {
    let commits = 0;
    return {
      ...store,
      commit: async (ops) => {
        const error = fails(++commits);
        if (error !== undefined) throw error;
        await store.commit(ops);
      },
    };
  };

test('what is logged is applied, answered, committed, and still there after a restart', async (t) => {
  const dir = await scratchDir(t);
  const first = await GroupScene.open({ dir });
  await first.declare([BY_TYPE]);
  await first.send(0, events(10));
  await first.send(1, events(5, 'click'));
  await first.applied();
  t.deepEqual(await first.openCounts(0), { view: 10 });
  t.deepEqual(await first.openCounts(1), { click: 5 });
  await first.close();
  t.is(first.committed.get(0), first.shared.applied[0]);

  const second = await GroupScene.open({ dir });
  t.deepEqual(await second.openCounts(0), { '#1': 10 });
  t.like(await second.ledger(0), { received: 10, applied: 10, duplicate: 0, stream: 'events' });
  await second.close();
});

test('the ledger of a partition that is idle says up to where its events go: that is committed', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(10));
  await scene.commit(0);
  const end = scene.committed.get(0) as number;
  await scene.send(1, events(5));
  await scene.until(() => (scene.shared.applied[0] as number) > end);
  const request = { tenant: TENANT, fromMs: 0, toMs: NOW_MS * 2 };
  const { appliedEnd, appliedOffset } = await scene.ask<LedgerReply>(0, (replyTo) => {
    return { type: 'ledger', request, replyTo };
  });
  t.is(appliedEnd, end);
  t.true(appliedOffset > appliedEnd, 'the log has grown by what others have sent');
  await scene.close();
});

/** Holds the first commit behind `hold` until it is let go on, or fails. */
class HeldCommit {
  readonly #begun = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();
  #isWanted = false;

  readonly store = (store: StateStore): StateStore => ({
    ...store,
    commit: async (ops) => {
      if (this.#isWanted) {
        this.#isWanted = false;
        this.#begun.resolve();
        await this.#released.promise;
      }
      await store.commit(ops);
    },
  });

  /** Resolves when it has begun. */
  async hold(scene: GroupScene): Promise<void> {
    this.#isWanted = true;
    scene.group.commit();
    await this.#begun.promise;
  }

  goOn(): void {
    this.#released.resolve();
  }

  fail(error: Error): void {
    this.#released.reject(error);
  }
}

/** Of partition 0: the commit of two views. */
async function heldScene(t: ExecutionContext): Promise<{ scene: GroupScene; held: HeldCommit }> {
  const held = new HeldCommit();
  const scene = await GroupScene.open({ dir: await scratchDir(t), store: held.store });
  await scene.declare([BY_TYPE]);
  await scene.commit(0, 1);
  await scene.send(0, events(2));
  await scene.applied();
  await held.hold(scene);
  return { scene, held };
}

test('a question comes before the blocks that wait, and is answered as of the commit before them', async (t) => {
  const { scene, held } = await heldScene(t);
  for (const type of ['a', 'b', 'c']) await scene.send(0, events(2, type));
  const { ref } = scene.group.partition(0);
  await scene.until(() => ref.depth >= 4);
  const [asked, ledger] = [scene.openCounts(0), scene.ledger(0)];
  held.goOn();
  t.deepEqual(await asked, { '#1': 2 }, 'the commit is written, and no block has come since');
  t.like(await ledger, { applied: 8 }, 'other questions wait for their turn');
  await scene.close();
});

test('a question that waits for a commit that fails is told, and is answered once that is replayed', async (t) => {
  const { scene, held } = await heldScene(t);
  const asked = scene.openCounts(0);
  held.fail(new AppError('state_io', 'disk full'));
  t.true(isFault(await t.throwsAsync(asked), 'actor_stopped'));
  const { ref } = scene.group.partition(0);
  await scene.until(() => ref.state === 'running');
  await scene.applied();
  t.deepEqual(await scene.openCounts(0), { view: 2 });
  await scene.close();
});

test('an event that comes again counts once, before and after a restart, and the ledger says so', async (t) => {
  const dir = await scratchDir(t);
  const first = await GroupScene.open({ dir });
  await first.declare([BY_TYPE]);
  await first.send(0, events(10));
  const again = await first.send(0, events(10));
  await first.applied();
  const verdict = { offset: again, rowFrom: 2, rowTo: 7 };
  const dropped = () =>
    first.ask<number>(0, (replyTo) => ({ type: 'verdict', request: verdict, replyTo }));
  t.is(await dropped(), 5);
  await first.commit(0);
  t.is(await dropped(), 5, 'a committed verdict is read from the store');
  await first.close();

  const second = await GroupScene.open({ dir });
  await second.send(0, [...events(10), ...events(1, 'click')], { sequence: 100 });
  await second.applied();
  t.deepEqual(await second.openCounts(0), { '#1': 10, click: 1 });
  t.like(await second.ledger(0), { received: 31, applied: 11, duplicate: 20 });
  await second.close();
});

test('a crash while committing is replayed: nothing is lost or counted twice, and the others go on', async (t) => {
  const crash = (commit: number) => {
    if (commit % 3 === 1) return new Error('a bug');
    return commit % 3 === 2 ? new AppError('state_io', 'disk full') : undefined;
  };
  const scene = await GroupScene.open({ dir: await scratchDir(t), store: failing(crash) });
  await scene.declare([BY_TYPE]);
  for (let i = 0; i < 30; i++) {
    await scene.send(i % 2, events(4, `t${i >> 1}`));
    scene.group.commit();
  }
  await scene.applied();
  await scene.commit(0, 1);
  for (const id of [0, 1]) {
    t.like(await scene.ledger(id), { received: 60, applied: 60, duplicate: 0 });
    const counts = await scene.openCounts(id);
    t.deepEqual(new Set(Object.values(counts)), new Set([4]));
    t.is(Object.keys(counts).length, 15);
  }
  const restarts = scene.system.snapshot().reduce((sum, actor) => sum + actor.restarts, 0);
  t.true(restarts > 0, 'no actor was restarted');
  await scene.close();
});

test('an event that crashes its partition each time goes to the dead letters; its neighbours count', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  await scene.declare([BY_TYPE]);
  // No edge lets a time before 1970 pass. It has no place among the keys, so that committing it must crash.
  const poison = { id: 'bad', ts: -5_000, type: 'bad', n: 1 };
  const good = events(9);
  await scene.send(0, [...good.slice(0, 4), poison, ...good.slice(4)]);
  await scene.send(0, events(3, 'later'));
  await scene.send(1, events(2, 'other'));
  await scene.commit(0);
  await scene.applied();
  t.like(await scene.ledger(0), { received: 13, applied: 12, rejected: 1 });
  const letters = [];
  for await (const { value } of scan(scene.state, deadLetterRange(0, TENANT))) {
    letters.push(decodeDeadLetter(value));
  }
  t.is(letters.length, 1);
  t.like(letters[0], { code: POISON_CODE, stream: 'events', line: 4 });
  t.deepEqual(JSON.parse(Buffer.from(letters[0]?.raw ?? []).toString()), poison);
  t.like(await scene.ledger(1), { received: 2, applied: 2 });
  const [zero, one] = scene.system.snapshot();
  t.is(zero?.state, 'running');
  t.true((zero?.restarts ?? 0) >= 3);
  t.is(one?.restarts, 0);
  await scene.close();
});

test('a block that cannot even be read is passed over for good: counted as rejected, and no hindrance to a restart', async (t) => {
  const dir = await scratchDir(t);
  const first = await GroupScene.open({ dir });
  await first.declare([BY_TYPE]);
  await first.send(0, events(3));
  const place = { arrivalMs: NOW_MS, partition: 0, sequence: 50, tenant: TENANT };
  const { bytes } = eventBlock(events(5, 'lost'), place);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(AT.columns, 60_000, true);
  sealBlock(bytes);
  await first.journal.writer.append([bytes]);
  await first.send(0, events(2, 'later'), { sequence: 51 });
  await first.commit(0);
  t.like(await first.ledger(0), { received: 10, applied: 5, rejected: 5 });
  t.is(first.group.partition(0).stats.counters.poison, 5);
  await first.close();

  const second = await GroupScene.open({ dir });
  await second.send(0, [...events(3), ...events(1, 'new')], { sequence: 52 });
  await second.applied();
  t.like(await second.ledger(0), { received: 14, applied: 6, duplicate: 3, rejected: 5 });
  t.is(second.system.snapshot()[0]?.restarts, 0);
  await second.close();
});

test('the ledger takes what was received from headers, and what became of it from rows', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  const place = { arrivalMs: NOW_MS, partition: 0, sequence: 50, tenant: TENANT };
  const { bytes } = eventBlock(events(5), place);
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(AT.received, 6, true);
  sealBlock(bytes);
  await scene.journal.writer.append([bytes]);
  await scene.applied();
  t.like(await scene.ledger(0), { received: 6, applied: 5, duplicate: 0, rejected: 0 });
  await scene.close();
});

test('events past the bound on series are counted', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t), partitions: 1 });
  await scene.declare([{ ...BY_TYPE, seriesMax: 2 }]);
  await scene.send(0, [...events(2, 'a'), ...events(2, 'b'), ...events(3, 'c'), ...events(1, 'd')]);
  await scene.commit(0);
  t.is(scene.group.partition(0).stats.overflowEvents, 4);
  await scene.close();
});

test('a question that goes wrong is answered with the error; the partition goes on', async (t) => {
  let isBroken = false;
  const broken = (store: StateStore): StateStore => ({
    ...store,
    getMany: async (keys) => {
      if (isBroken) throw new TypeError('a bug');
      return store.getMany(keys);
    },
  });
  const scene = await GroupScene.open({ dir: await scratchDir(t), store: broken });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(3));
  await scene.applied();
  isBroken = true;
  const request = { offset: 8, rowFrom: 0, rowTo: 1 };
  const refused = scene.ask<number>(0, (replyTo) => ({ type: 'verdict', request, replyTo }));
  await t.throwsAsync(refused, { instanceOf: TypeError, message: 'a bug' });
  isBroken = false;
  t.deepEqual(await scene.openCounts(0), { view: 3 });
  t.is(scene.system.snapshot()[0]?.restarts, 0);
  await scene.close();
});

test('a partition that cannot start says so to whoever asks, and the others serve', async (t) => {
  const broken = (store: StateStore): StateStore => ({
    ...store,
    getMany: async (keys) => {
      if (keys[0]?.[1] === 1) throw new AppError('state_corrupt', 'a torn row');
      return store.getMany(keys);
    },
  });
  const scene = await GroupScene.open({ dir: await scratchDir(t), store: broken, maxRestarts: 2 });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(3));
  await scene.send(1, events(3));
  await scene.until(() => scene.group.partition(1).ref.state === 'failed');
  const refused = await t.throwsAsync(scene.collect(1));
  t.true(isFault(refused, 'restart_limit'));
  await scene.until(
    () => (scene.shared.applied[0] as number) >= (scene.shared.partitionEnds[0] as number),
  );
  t.deepEqual(await scene.openCounts(0), { view: 3 });
  t.regex(scene.system.snapshot()[1]?.lastError ?? '', /torn row/);
  await scene.close();
});

test('partitions that could not load at first are read from where they stand, not from the start of the log', async (t) => {
  const dir = await scratchDir(t);
  const first = await GroupScene.open({ dir, fileBytes: 4_096 });
  await first.declare([BY_TYPE]);
  const withoutIds = events(20).map(({ id: _, ...event }) => event);
  for (let i = 0; i < 20; i++) await first.send(i % 2, withoutIds);
  await first.applied();
  await first.close();

  let loads = 0;
  const brokenAtFirst = (store: StateStore): StateStore => ({
    ...store,
    getMany: async (keys) => {
      if (++loads <= 4) throw new AppError('state_io', 'disk full');
      return store.getMany(keys);
    },
  });
  const second = await GroupScene.open({
    dir,
    fileBytes: 4_096,
    store: brokenAtFirst,
    beforeStart: async ({ writer }) => {
      const start = await writer.deleteBefore(offset(Math.min(...first.committed.values())));
      t.true(start > 0);
    },
  });
  await second.send(0, events(3, 'later'), { sequence: 100 });
  await second.send(1, events(3, 'later'), { sequence: 101 });
  await second.applied();
  t.like(await second.ledger(1), { applied: 203 });
  await second.close();
});

test('a partition without blocks keeps up with the log that others fill', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  await scene.send(0, events(3));
  const end = scene.shared.partitionEnds[0] as number;
  await scene.until(() => scene.shared.applied.every((at) => at >= end));
  t.is(scene.shared.partitionEnds[1], 0);
  await scene.close();
});

test('partitions commit in turns: each once in as many calls as there are turns', async (t) => {
  const scene = await GroupScene.open({ dir: await scratchDir(t) });
  await scene.declare([BY_TYPE]);
  for (const id of [0, 1]) await scene.send(id, events(4, `t${id}`));
  await scene.applied();
  const commits = () => scene.group.partitions.map(({ stats }) => stats.commits);
  const before = commits();
  for (let call = 1; call <= 2; call++) {
    scene.group.commit(2);
    await scene.until(
      () => commits().reduce((sum, count, i) => sum + count - (before[i] ?? 0), 0) === call,
    );
  }
  t.deepEqual(
    commits(),
    before.map((count) => count + 1),
  );
  await scene.close();
});

/** Partition 0 cannot be read beyond where it began until it is mended; it rejects one read. */
function stuck() {
  const seen = { mend: () => {} };
  const readers =
    (open: OpenReader): OpenReader =>
    (from) => {
      const inner = open(from);
      const start = from.get(0) ?? offset(0);
      let isStuck = true;
      let isTold = false;
      seen.mend = () => {
        isStuck = false;
        inner.seek(0, start);
      };
      return {
        read: async (bytesMax) => {
          if (!isTold) {
            isTold = true;
            throw new AppError('block_corrupt', 'record 7 is no block', {
              partition: 0,
              byteOffset: start,
            });
          }
          const { blocks, readTo } = await inner.read(bytesMax);
          if (!isStuck) return { blocks, readTo };
          return {
            blocks: blocks.filter(({ partition }) => partition !== 0),
            readTo: (partition) => (partition === 0 ? start : readTo(partition)),
          };
        },
        seek: (partition, to) => inner.seek(partition, to),
        release: (partition) => inner.release(partition),
        close: () => inner.close(),
      };
    };
  return { readers, seen };
}

test('a partition that cannot be read on stands still and says why; the others go on, and so does it once it can', async (t) => {
  const { readers, seen } = stuck();
  const scene = await GroupScene.open({ dir: await scratchDir(t), readers });
  await scene.declare([BY_TYPE]);
  await scene.send(0, events(3));
  await scene.send(1, events(4));
  const { applied, partitionEnds } = scene.shared;
  await scene.until(() => (applied[1] as number) >= (partitionEnds[1] as number));
  t.deepEqual(scene.group.problems(), ['partition 0 stands still: record 7 is no block']);
  t.like(await scene.ledger(1), { applied: 4 });
  t.is(await scene.ledger(0), undefined);
  seen.mend();
  await scene.applied();
  await scene.until(() => scene.group.problems().length === 0);
  t.like(await scene.ledger(0), { applied: 3 });
  await scene.close();
});
