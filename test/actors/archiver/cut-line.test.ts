/** Cuts one behind the other: the next is staged while one is sealed, and is thrown away where that comes to nothing. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import type { ArchiverOptions } from '../../../actors/archiver/actor.ts';
import { DAY_MS } from '../../../src/model/units.ts';
import type { Statements } from '../../../storage/segments/duckdb.ts';
import { archiverScene } from './archiver-scene.ts';

type Scene = Awaited<ReturnType<typeof archiverScene>>;

/** Names of the folders of cuts that are on the disk, with how many staged files each has. */
async function staged({ dir }: Scene, life: number): Promise<Map<string, number>> {
  const workDir = join(dir, `work-${life}`);
  const cuts = (await readdir(workDir)).filter((name) => name.startsWith('cut-'));
  const files = await Promise.all(cuts.map((name) => readdir(join(workDir, name)).catch(() => [])));
  return new Map(
    cuts.map((name, i) => [
      name,
      files[i]?.filter((file) => file.startsWith('stage-')).length ?? 0,
    ]),
  );
}

/** Looks after each turn of the event loop; the test's own time limit ends it. */
async function twoAreStaged(scene: Scene, life: number): Promise<void> {
  for (;;) {
    const cuts = await staged(scene, life);
    if (cuts.size === 2 && [...cuts.values()].every((files) => files > 0)) return;
    await turn();
  }
}

/** DuckDB whose first statement waits for `before`. */
function held(scene: Scene, before: () => Promise<void>): Pick<ArchiverOptions, 'openDuck'> {
  let isFirst = true;
  return {
    openDuck: async (): Promise<Statements> => {
      const duck = await scene.duck();
      return {
        rows: async (sql) => {
          if (isFirst) {
            isFirst = false;
            await before();
          }
          return duck.rows(sql);
        },
        interrupt: () => duck.interrupt(),
        close: () => duck.close(),
      };
    },
  };
}

async function sendRounds({ send }: Scene, rounds: number, partition = 0): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await send(partition, round * 10, round * 10 + 10);
  }
}

test('the next cut is staged while one is sealed, and commits keep the order of the log', async (t) => {
  const scene = await archiverScene(t);
  await sendRounds(scene, 4);
  const positions: number[] = [];
  const publish = {
    archived: ({ positions: now }: { readonly positions: ReadonlyMap<number, number> }) => {
      positions.push(now.get(0) ?? 0);
    },
    numbers: () => undefined,
    fenced: (reason: string) => t.fail(reason),
  };
  const archiver = await scene.node(
    10,
    {},
    { ...held(scene, () => twoAreStaged(scene, 10)), publish },
  );
  await archiver.archiveAll();
  t.deepEqual(await scene.archived(), { rows: 40, ids: 40 });
  t.is(archiver.numbers().cuts, 4);
  t.deepEqual(
    positions,
    positions.toSorted((a, b) => a - b),
  );
  t.is(new Set(positions).size, 5);
  t.deepEqual(await staged(scene, 10), new Map());
});

test('a cut that was staged ahead is thrown away when the one before it fails', async (t) => {
  const scene = await archiverScene(t);
  await sendRounds(scene, 3);
  const archiver = await scene.node(
    10,
    {},
    held(scene, async () => {
      await twoAreStaged(scene, 10);
      throw new Error('the disk is full');
    }),
  );
  await t.throwsAsync(archiver.archiveAll(), { message: /a segment cannot be written/ });
  t.deepEqual(await staged(scene, 10), new Map());
  t.deepEqual(await scene.archived(), { rows: 0, ids: 0 });
  await archiver.archiveAll();
  t.deepEqual(await scene.archived(), { rows: 30, ids: 30 });
});

test('a cut that was staged ahead is thrown away when another node has archived both', async (t) => {
  const scene = await archiverScene(t);
  await sendRounds(scene, 3);
  const other = await scene.node(20, { isLeader: () => false });
  const archiver = await scene.node(
    10,
    {},
    held(scene, async () => {
      await twoAreStaged(scene, 10);
      await other.archiveAll();
    }),
  );
  await archiver.archiveAll();
  t.is(archiver.numbers().cuts, 0);
  t.deepEqual(await staged(scene, 10), new Map());
  t.deepEqual(await scene.archived(), { rows: 30, ids: 30 });
});

test('a cut that was staged ahead is staged anew when another node has given its stream a column', async (t) => {
  const scene = await archiverScene(t);
  const other = await scene.node(20, {
    takingOf: (partition) => (partition === 1 ? 1 : undefined),
    isLeader: () => false,
  });
  await scene.send(0, 0, 10);
  await (await scene.node(10)).archiveAll();
  await scene.send(0, 10, 20);
  await scene.send(0, 20, 30, { shop: 'a' });
  const archiver = await scene.node(
    10,
    { takingOf: (partition) => (partition === 0 ? 1 : undefined) },
    held(scene, async () => {
      await twoAreStaged(scene, 10);
      await scene.send(1, 0, 10, { price: 5 });
      await other.archiveAll();
    }),
  );
  await archiver.archiveAll();
  const schema = scene.manifests.get(10)?.schemas.get('default/events');
  t.is(schema?.version, 3);
  t.deepEqual(
    schema?.columns.map(({ name }) => name),
    ['price', 'shop'],
  );
  t.deepEqual(await scene.archived(), { rows: 40, ids: 40 });
});

test('a server that dies with a cut staged ahead leaves both to the next start', async (t) => {
  const scene = await archiverScene(t);
  await sendRounds(scene, 3);
  const isDead = Promise.withResolvers<void>();
  const died = Promise.withResolvers<never>();
  const dying = await scene.node(
    10,
    {},
    held(scene, async () => {
      await twoAreStaged(scene, 10);
      isDead.resolve();
      await died.promise;
    }),
  );
  const end = t.throwsAsync(dying.archiveAll());
  await isDead.promise;
  const next = await scene.node(10);
  t.deepEqual(await staged(scene, 10), new Map());
  await next.archiveAll();
  t.deepEqual(await scene.archived(), { rows: 30, ids: 30 });
  died.reject(new Error('killed'));
  await end;
});

test('nothing is staged ahead where the disk has no room for it', async (t) => {
  const scene = await archiverScene(t);
  await sendRounds(scene, 3);
  const seen: number[] = [];
  const archiver = await scene.node(
    10,
    {},
    {
      diskReserveBytes: Number.MAX_SAFE_INTEGER,
      openDuck: async () => {
        seen.push((await staged(scene, 10)).size);
        return scene.duck();
      },
    },
  );
  await archiver.archiveAll();
  t.deepEqual(seen, [1, 1, 1]);
  t.deepEqual(await scene.archived(), { rows: 30, ids: 30 });
});

test('a stream gets the columns of all blocks of its cut, whether it had a schema before or not', async (t) => {
  const scene = await archiverScene(t);
  const policy = { bytesMax: 2 ** 20, ageMaxMs: DAY_MS };
  const archiver = await scene.node(10, {}, { policy });
  const columns = () =>
    scene.manifests
      .get(10)
      ?.schemas.get('default/events')
      ?.columns.map(({ name }) => name);
  await scene.send(0, 0, 10);
  await scene.send(1, 0, 10, { shop: 'a' });
  await archiver.archiveAll();
  t.deepEqual(columns(), ['shop']);
  await scene.send(0, 10, 20, { shop: 'b' });
  await scene.send(0, 20, 30, { shop: 'b', price: 5 });
  await archiver.archiveAll();
  t.deepEqual(columns(), ['shop', 'price']);
  t.deepEqual(await scene.archived(), { rows: 40, ids: 40 });
  const files = [...(scene.manifests.get(10)?.files.values() ?? [])];
  t.deepEqual(
    files.map(({ rows, schema }) => ({ rows, schema })),
    [
      { rows: 10, schema: 1 },
      { rows: 10, schema: 1 },
      { rows: 20, schema: 2 },
    ],
  );
});
