/** An archiver beside ingest that it slows. */
import test from 'ava';
import { archiverScene } from './archiver-scene.ts';

/** Bytes per millisecond that the log takes without cuts, and beside one. */
const WITHOUT = 50_000;
const SLOWED = 40_000;
const CUT_MS = 6_000;

test('cuts that slow ingest are made one by one with rests, until the log comes near its bounds', async (t) => {
  const scene = await archiverScene(t);
  const { clock } = scene;
  for (let round = 0; round < 5; round++) await scene.send(0, round * 10, round * 10 + 10);
  const log = { end: 0, roomBytes: 2 ** 40 };
  const pass = (ms: number, rate: number) => {
    clock.ms += ms;
    log.end += ms * rate;
  };
  const archiver = await scene.node(
    10,
    {},
    {
      logEnds: () => [log.end],
      logRoomBytes: async () => log.roomBytes,
      openDuck: () => {
        pass(CUT_MS, SLOWED);
        return scene.duck();
      },
    },
  );
  const looked = async () => {
    await archiver.look();
    const { cuts, givesWay } = archiver.numbers();
    return { cuts, givesWay };
  };
  pass(3_000, WITHOUT);
  t.deepEqual(await looked(), { cuts: 1, givesWay: true });
  pass(CUT_MS - 1, WITHOUT);
  t.deepEqual(await looked(), { cuts: 1, givesWay: true });
  pass(1, WITHOUT);
  t.deepEqual(await looked(), { cuts: 2, givesWay: true });
  log.roomBytes = 0;
  pass(3_000, WITHOUT);
  t.deepEqual(await looked(), { cuts: 5, givesWay: false });
  t.deepEqual(await scene.archived(), { rows: 50, ids: 50 });
});

test('who asks for what is committed now waits for no rest', async (t) => {
  const scene = await archiverScene(t);
  const { clock } = scene;
  for (let round = 0; round < 3; round++) await scene.send(0, round * 10, round * 10 + 10);
  const log = { end: 0 };
  const archiver = await scene.node(
    10,
    {},
    {
      logEnds: () => [log.end],
      openDuck: () => {
        clock.ms += CUT_MS;
        log.end += CUT_MS * SLOWED;
        return scene.duck();
      },
    },
  );
  clock.ms += 3_000;
  log.end += 3_000 * WITHOUT;
  await archiver.look();
  t.is(archiver.numbers().cuts, 1);
  await archiver.archiveAll();
  t.deepEqual(await scene.archived(), { rows: 30, ids: 30 });
});
