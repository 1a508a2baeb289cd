import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { AppError, type FaultCode, isFault } from '../../../src/model/errors.ts';
import { DAY_MS } from '../../../src/model/units.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import { EMPTY_MANIFEST, type Manifest } from '../../../storage/archive/manifest.ts';
import {
  checkpointPath,
  MANIFEST_FOLDER,
  versionPath,
} from '../../../storage/archive/manifest-paths.ts';
import { ManifestReader } from '../../../storage/archive/manifest-reader.ts';
import { type ManifestCommit, ManifestStore } from '../../../storage/archive/manifest-store.ts';
import { applyVersion } from '../../../storage/archive/manifest-sum.ts';
import { MemoryArchive } from './memory-archive.ts';
import { silent } from './silent.ts';
import { fileOf, ownerOf, versionAfter } from './versions.ts';

const nothing = async (): Promise<void> => undefined;

function scene(checkpointVersions = 4) {
  const clock = { ms: 100 * DAY_MS, now: () => clock.ms };
  const archive = new MemoryArchive({ clock });
  const openStore = (through: Archive = archive, settle = nothing) =>
    new ManifestStore({ archive: through, clock, log: silent, settle, checkpointVersions });
  const claimed = async (journal = 'j') => {
    const store = openStore();
    await store.claim({ owner: ownerOf(journal) });
    return store;
  };
  const reader = () => new ManifestReader(archive, silent);
  return { clock, archive, openStore, claimed, reader };
}

/** Partition 0 moves on by ten. */
function step(store: ManifestStore, change: Partial<ManifestCommit> = {}): ManifestCommit {
  const from = store.manifest.positions.get(0) ?? 0;
  return {
    change: 'segments',
    positions: { 0: from + 10 },
    add: [fileOf(0, from, from + 10)],
    remove: [],
    deleted: [],
    schemas: [],
    ...change,
  };
}

async function steps(store: ManifestStore, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await store.commit(() => step(store));
    await store.tidy();
  }
}

async function rejects(
  t: ExecutionContext,
  code: FaultCode,
  call: Promise<unknown>,
): Promise<string> {
  const error = await t.throwsAsync(call, { instanceOf: AppError });
  t.is(error?.code, code);
  return error?.message ?? '';
}

const namesIn = (archive: MemoryArchive): string[] =>
  [...archive.files.keys()].map((path) => path.slice(MANIFEST_FOLDER.length + 1)).sort();

test('an empty archive has an empty manifest', async (t) => {
  const { reader } = scene();
  t.deepEqual(await reader().load(), EMPTY_MANIFEST);
  t.deepEqual(await reader().refresh(), EMPTY_MANIFEST);
});

test('what is loaded is the sum of all versions, wherever checkpoints are and whatever is left of the chain', async (t) => {
  const life = fc.record({
    versions: fc.integer({ min: 1, max: 30 }),
    checkpointVersions: fc.integer({ min: 1, max: 9 }),
    hours: fc.integer({ min: 0, max: 20 }),
    upTo: fc.integer({ min: 1, max: 31 }),
  });
  await fc.assert(
    fc.asyncProperty(life, async ({ versions, checkpointVersions, hours, upTo }) => {
      const { clock, archive, claimed, reader } = scene(checkpointVersions);
      const store = await claimed();
      let sum = store.manifest;
      const sums = [EMPTY_MANIFEST, sum];
      for (let i = 0; i < versions; i++) {
        const oldest = [...sum.files.keys()][0];
        const remove = i % 3 === 2 && oldest !== undefined ? [oldest] : [];
        const deleted = i % 5 === 4 ? [...sum.removed.keys()] : [];
        const change = step(store, { remove, deleted });
        await store.commit(() => change);
        sum = applyVersion(sum, versionAfter(sum, { ...change, atMs: clock.ms }));
        sums.push(sum);
        await store.tidy();
        clock.ms += (hours * DAY_MS) / 24;
      }
      t.deepEqual(store.manifest, sum);
      t.deepEqual(await reader().load(), sum);
      const follower = reader();
      t.deepEqual(await follower.refresh(), sum);
      t.is(follower.newest?.version, sum.version);
      if (hours === 0 && upTo < sums.length) t.deepEqual(await reader().load(upTo), sums[upTo]);
      for (const path of archive.files.keys()) {
        if (path.startsWith(`${MANIFEST_FOLDER}/c`) && hours === 0) archive.files.delete(path);
      }
      t.deepEqual(await reader().load(), sum);
    }),
    { numRuns: 60 },
  );
});

test('a follower sees what is new, and no further than it wants to', async (t) => {
  const { claimed, reader } = scene();
  const store = await claimed();
  const follower = reader();
  t.is((await follower.load()).version, 1);
  await steps(store, 3);
  t.is((await follower.refresh(3)).version, 3);
  t.is(follower.newest?.version, 3);
  t.is((await follower.refresh(2)).version, 3);
  t.deepEqual(await follower.refresh(), store.manifest);
});

test('a follower that was left behind by the removal of old versions finds its way', async (t) => {
  const { clock, archive, claimed, reader } = scene(4);
  const store = await claimed();
  const follower = reader();
  const nobody = reader();
  await follower.load();
  await steps(store, 8);
  clock.ms += DAY_MS;
  await steps(store, 12);
  t.false(archive.files.has(versionPath(2)));
  t.deepEqual(await follower.refresh(), store.manifest);
  t.deepEqual(await nobody.refresh(), store.manifest);
});

test('old versions go a day after the checkpoint that replaces them, never those behind the second newest', async (t) => {
  const { clock, archive, claimed } = scene(4);
  const store = await claimed();
  await steps(store, 7);
  t.deepEqual(namesIn(archive).filter((name) => name.startsWith('c')).length, 2);
  t.is(archive.files.size, 8 + 2);
  clock.ms += 2 * DAY_MS;
  t.is(archive.files.size, 8 + 2);
  await steps(store, 4);
  const kept = namesIn(archive).map((name) => name.replace(/(.)0*(\d+)\.json/, '$1$2'));
  t.deepEqual(kept, ['c8', 'c12', 'v8', 'v9', 'v10', 'v11', 'v12']);
});

test('a newest checkpoint that cannot be read is done without', async (t) => {
  const { archive, claimed, reader } = scene(4);
  const store = await claimed();
  await steps(store, 9);
  archive.store(checkpointPath(8), Buffer.from('{"format":1,'));
  t.deepEqual(await reader().load(), store.manifest);
  archive.store(checkpointPath(4), Buffer.from(''));
  await rejects(t, 'manifest_corrupt', reader().load());
});

test('a version that is missing, not the one its name says, or contradicts the others is a corruption', async (t) => {
  const { archive, claimed, reader } = scene(100);
  const store = await claimed();
  await steps(store, 4);
  const whole = new Map(archive.files);
  const bytesOf = (version: number) => whole.get(versionPath(version))?.bytes ?? new Uint8Array();
  archive.files.delete(versionPath(3));
  const missing = await rejects(t, 'manifest_corrupt', reader().load());
  t.regex(missing, /v0+3\.json: expected a file, received nothing/);
  archive.store(versionPath(3), bytesOf(2));
  const other = await rejects(t, 'manifest_corrupt', reader().load());
  t.regex(other, /v0+3\.json: expected version 3, received 2/);
  const text = Buffer.from(bytesOf(3)).toString().replace('"epoch":1', '"epoch":0');
  archive.store(versionPath(3), Buffer.from(text));
  const contradicting = await rejects(t, 'manifest_corrupt', reader().load());
  t.regex(contradicting, /v0+3\.json: expected epoch 1, received 0/);
});

test('who claims last writes, and the one before learns who did', async (t) => {
  const { claimed } = scene();
  const first = await claimed();
  const second = await claimed();
  t.is(second.manifest.epoch, 2);
  const message = await rejects(
    t,
    'archive_fenced',
    first.commit(() => step(first)),
  );
  t.regex(message, /version 2 of the manifest was written by process 1 on h with epoch 2/);
  await second.commit(() => step(second));
  await t.throwsAsync(
    first.commit(() => step(first)),
    { message: /has claimed the archive/ },
  );
});

test('of many that claim at once each gets an epoch, and only the last may write', async (t) => {
  const { openStore, reader } = scene();
  const stores = Array.from({ length: 5 }, () => openStore());
  await Promise.all(stores.map((store) => store.claim({ owner: ownerOf('j') })));
  t.deepEqual(stores.map((store) => store.manifest.epoch).sort(), [1, 2, 3, 4, 5]);
  const outcomes = await Promise.allSettled(stores.map((store) => store.commit(() => step(store))));
  const done = stores.filter((_, i) => outcomes[i]?.status === 'fulfilled');
  t.deepEqual(
    done.map((store) => store.manifest.epoch),
    [5],
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') t.true(isFault(outcome.reason, 'archive_fenced'));
  }
  t.is((await reader().load()).version, 6);
});

test('the archive of another log is left alone, unless it is to be taken over', async (t) => {
  const { archive, claimed, openStore } = scene();
  const first = await claimed('one');
  await steps(first, 2);
  let settled = 0;
  const other = openStore(archive, async () => void settled++);
  const claim = { owner: ownerOf('two') };
  const message = await rejects(t, 'archive_foreign', other.claim(claim));
  t.regex(message, /belongs to the log one of h, and this server's log is two/);
  t.is(settled, 0);
  await steps(first, 1);
  await other.claim({ ...claim, takeOver: true });
  t.is(other.manifest.positions.size, 0);
  t.is(other.manifest.files.size, 3);
  await rejects(
    t,
    'archive_fenced',
    first.commit(() => step(first)),
  );
});

test('a version whose answer was lost is known again', async (t) => {
  const { archive, openStore } = scene();
  let lost = 0;
  const forgetful = Object.assign(Object.create(archive) as Archive, {
    create: async (path: string, bytes: Uint8Array) => {
      await archive.create(path, bytes);
      lost++;
      return false;
    },
  });
  const store = openStore(forgetful);
  await store.claim({ owner: ownerOf('j') });
  await steps(store, 2);
  t.is(lost, 3);
  t.is(store.manifest.version, 3);
});

test('who wakes up after its next version has come and gone writes nothing', async (t) => {
  const { clock, archive, claimed, reader } = scene(4);
  const sleeper = await claimed();
  const awake = await claimed();
  await steps(awake, 8);
  clock.ms += DAY_MS;
  await steps(awake, 8);
  t.false(archive.files.has(versionPath(2)));
  const message = await rejects(
    t,
    'archive_fenced',
    sleeper.commit(() => step(sleeper)),
  );
  t.regex(message, /written long ago/);
  t.false(archive.files.has(versionPath(2)));
  t.deepEqual(await reader().load(), awake.manifest);
});

test('no checkpoint is no failure of a commit, and is made up for', async (t) => {
  const { archive, openStore } = scene(2);
  let isRefused = true;
  const refusing = Object.assign(Object.create(archive) as Archive, {
    create: async (path: string, bytes: Uint8Array) => {
      if (isRefused && path.startsWith(`${MANIFEST_FOLDER}/c`)) {
        throw new AppError('archive_denied', 'planted');
      }
      return archive.create(path, bytes);
    },
  });
  const store = openStore(refusing);
  await store.claim({ owner: ownerOf('j') });
  await steps(store, 3);
  t.false(archive.files.has(checkpointPath(2)));
  isRefused = false;
  await steps(store, 1);
  t.true(archive.files.has(checkpointPath(5)));
});

test('a claim that the guard refuses writes nothing, and every version is remembered before it is there', async (t) => {
  const { archive, clock, claimed } = scene();
  await steps(await claimed(), 2);
  const before = await archive.list(MANIFEST_FOLDER);
  const remembered: string[] = [];
  const made: string[] = [];
  const guarded = (judge: () => void) =>
    new ManifestStore({
      archive,
      clock,
      log: silent,
      settle: nothing,
      guard: {
        judge,
        async remember(commit) {
          const reader = new ManifestReader(archive, silent);
          await reader.load();
          t.not(reader.newest?.commit, commit);
          remembered.push(commit);
        },
        async made({ commit }) {
          const reader = new ManifestReader(archive, silent);
          await reader.load();
          t.is(reader.newest?.commit, commit);
          made.push(commit);
        },
      },
    });
  const refusing = guarded(() => {
    throw new AppError('archive_foreign', 'not this one');
  });
  await rejects(t, 'archive_foreign', refusing.claim({ owner: ownerOf('j') }));
  t.deepEqual(await archive.list(MANIFEST_FOLDER), before);
  t.deepEqual(remembered, []);
  const allowed = guarded(() => undefined);
  await allowed.claim({ owner: ownerOf('j') });
  await steps(allowed, 1);
  const reader = new ManifestReader(archive, silent);
  await reader.load();
  t.is(remembered.length, 2);
  t.is(remembered.at(-1), reader.newest?.commit);
  t.deepEqual(made, remembered);
});

test('an archive that loses its newest version under its owner is no archive that another has claimed', async (t) => {
  const { archive, claimed } = scene();
  const store = await claimed();
  await steps(store, 2);
  archive.files.clear();
  const message = await rejects(
    t,
    'archive_unavailable',
    store.commit(() => step(store)),
  );
  t.regex(message, /has lost version 3/);
  t.is(archive.files.size, 0);
});

/** Stores of nodes of one cluster. */
async function nodes(lives: readonly number[], checkpointVersions?: number) {
  const { clock, archive, reader } = scene();
  const options = { archive, clock, log: silent, settle: nothing, checkpointVersions };
  const stores = lives.map((life) => new ManifestStore({ ...options, life }));
  for (const store of stores) await store.claim({ owner: ownerOf('j') });
  return { archive, reader, stores, options };
}

/** As `step`, of another partition for each node; after where the manifest says that it ends. */
const ownStep =
  (partition: number) =>
  (manifest: Manifest): ManifestCommit => {
    const from = manifest.positions.get(partition) ?? 0;
    return {
      change: 'segments',
      positions: { [partition]: from + 10 },
      after: { [partition]: from },
      add: [fileOf(partition, from, from + 10)],
      remove: [],
      deleted: [],
      schemas: [],
    };
  };

test('nodes of a cluster write in turns that nobody gives them, and each knows in the end what all have written', async (t) => {
  const { stores, reader } = await nodes([100, 101, 102]);
  for (let round = 0; round < 4; round++) {
    await Promise.all(stores.map((store, partition) => store.commit(ownStep(partition))));
  }
  const manifest = await reader().load();
  t.is(manifest.version, 3 + 4 * 3);
  t.deepEqual([...manifest.positions].sort(), [
    [0, 40],
    [1, 40],
    [2, 40],
  ]);
  for (const store of stores) t.deepEqual(await store.refresh(), manifest);
});

test('a commit that comes second is asked for again as of what is there, and may be given up', async (t) => {
  const { stores } = await nodes([100, 101]);
  const [first, second] = stores;
  await first?.commit(ownStep(0));
  const seen: number[] = [];
  const made = await second?.commit((manifest) => {
    seen.push(manifest.positions.get(0) ?? 0);
    return seen.length === 1 ? ownStep(0)(manifest) : undefined;
  });
  t.is(made, undefined);
  t.deepEqual(seen, [0, 10]);
  t.is((await second?.commit(ownStep(1)))?.version, 4);
});

test('every node settles the newest version before it writes the next', async (t) => {
  const settled: string[] = [];
  const { archive, options, stores } = await nodes([100]);
  const settling = new ManifestStore({
    ...options,
    life: 101,
    settle: async ({ version }) => void settled.push(`${version}`),
  });
  await settling.claim({ owner: ownerOf('j') });
  await stores[0]?.commit(ownStep(0));
  await settling.commit(ownStep(1));
  t.deepEqual(settled, ['1', '3', '4']);
  t.true(archive.files.has(versionPath(4)));
});

test('a server that claims the archive for itself shuts out all nodes, until one of them claims it again', async (t) => {
  const { stores, options } = await nodes([100, 101]);
  const alone = new ManifestStore(options);
  await alone.claim({ owner: ownerOf('j') });
  t.is(alone.manifest.epoch, 102);
  for (const store of stores) await rejects(t, 'archive_fenced', store.commit(ownStep(0)));
  await stores[0]?.claim({ owner: ownerOf('j') });
  await rejects(
    t,
    'archive_fenced',
    alone.commit(() => step(alone)),
  );
  t.deepEqual([...(stores[0]?.manifest.writers ?? [])], [100]);
});

test('the checkpoints of a cluster are written once, by whoever makes the version', async (t) => {
  const { archive, stores, reader } = await nodes([100, 101], 4);
  for (let round = 0; round < 10; round++) {
    for (const [partition, store] of stores.entries()) {
      await store.commit(ownStep(partition));
      await store.tidy();
    }
  }
  const checkpoints = namesIn(archive).filter((name) => name.startsWith('c'));
  t.deepEqual(
    checkpoints.map((name) => Number(name.slice(1, -5))),
    [4, 8, 12, 16, 20],
  );
  t.deepEqual([...((await reader().load()).writers ?? [])], [100, 101]);
});
