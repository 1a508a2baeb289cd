import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { hiveColumns } from '../../src/hive/ddl.ts';
import { type HiveSync, startHiveSync } from '../../src/hive/hive-sync.ts';
import { RETRY_MS_MAX, RETRY_MS_MIN } from '../../src/hive/limits.ts';
import { hiveTables } from '../../src/hive/table-names.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { versionPath } from '../../storage/archive/manifest-paths.ts';
import { folderOf } from '../../storage/archive/paths.ts';
import { silent } from '../storage/archive/silent.ts';
import { type ArchiveFixture, fileOf, openArchiveFixture, schemaOf } from './archive-fixture.ts';
import { FakeHive, type Fault } from './fake-hive.ts';

const CLICKS = schemaOf('acme', 'clicks', ['path']);
const VIEWS = schemaOf('acme', 'views');
const URL = 'hdfs://nn:8020/archive';

test('a new stream becomes a table with its hours', async (t) => {
  const { fixture, hive, look, sync } = await open(t);
  await fixture.commit({ add: [fileOf(CLICKS, 0), fileOf(CLICKS, 1)], schemas: [CLICKS] });
  await look();
  const table = hive.tables.get('sg_acme.clicks');
  t.is(table?.location, `${URL}/tenant=acme/stream=clicks`);
  t.deepEqual(
    Array.from(table?.partitions ?? [], ([name, { location }]) => [name, location]),
    ['08', '09'].map((hour) => [
      `dt=2026-11-21/hour=${hour}`,
      `${URL}/tenant=acme/stream=clicks/dt=2026-11-21/hour=${hour}`,
    ]),
  );
  t.like(sync().numbers(), { version: 2, versionsBehind: 0, tablesBehind: 0, behindMs: 0 });
});

test('more files in an hour that Hive knows cost no statement, and no connection', async (t) => {
  const { fixture, hive, look, sync } = await open(t);
  await fixture.commit({ add: [fileOf(CLICKS, 0)], schemas: [CLICKS] });
  await look();
  const { connects } = hive;
  await fixture.commit({ add: [fileOf(CLICKS, 0, { from: 50, to: 60 })] });
  await look();
  t.is(hive.connects, connects);
  t.is(sync().numbers().version, 3);
});

test('an hour in which a column came has it, others keep what they have', async (t) => {
  const { fixture, hive, look } = await open(t);
  const grown = schemaOf('acme', 'clicks', ['path', 'browser'], 2);
  await fixture.commit({ add: [fileOf(CLICKS, 0), fileOf(CLICKS, 1)], schemas: [CLICKS] });
  await look();
  const more = [fileOf(grown, 1, { from: 150, to: 160 }), fileOf(grown, 2)];
  await fixture.commit({ add: more, schemas: [grown] });
  await look();
  const table = hive.tables.get('sg_acme.clicks');
  t.is(table?.columns.at(-1), 'browser');
  t.deepEqual(
    Array.from(table?.partitions.values() ?? [], ({ columns }) => columns.includes('browser')),
    [false, true, true],
  );
});

test('a compacted hour has its new place, one without files is gone', async (t) => {
  const { fixture, hive, look } = await open(t);
  const files = [0, 1, 2].map((hour) => fileOf(CLICKS, hour));
  await fixture.commit({ add: files, schemas: [CLICKS] });
  await look();
  const [first, second] = files.map(({ path }) => path);
  const folder = `${folderOf(first ?? '')}-c1`;
  await fixture.commit({
    add: [{ ...fileOf(CLICKS, 0), path: `${folder}/c.parquet` }],
    remove: [first ?? '', second ?? ''],
  });
  await look();
  t.deepEqual(
    Array.from(hive.tables.get('sg_acme.clicks')?.partitions ?? [], ([name, { location }]) => [
      name,
      location.split('/').at(-1),
    ]),
    [
      ['dt=2026-11-21/hour=08', 'hour=08-c1'],
      ['dt=2026-11-21/hour=10', 'hour=10'],
    ],
  );
});

test('an outage of Hive is waited out with growing pauses, and shown', async (t) => {
  const { fixture, hive, look, sync, waits } = await open(t);
  hive.isDown = true;
  await fixture.commit({ add: [fileOf(CLICKS, 0)], schemas: [CLICKS] });
  for (let attempt = 0; attempt < 12; attempt++) {
    await look();
    fixture.nowMs += 1_000;
    if (attempt === 5) await fixture.commit({ add: [fileOf(CLICKS, 1)] });
  }
  t.like(sync().numbers(), {
    version: 1,
    versionsBehind: 2,
    behindMs: 12_000,
    tablesBehind: 1,
    failures: 12,
    problem: 'Hive is out of reach',
  });
  const pauses = waits.slice(-12);
  t.true(pauses.every((ms) => ms >= RETRY_MS_MIN / 2 && ms <= RETRY_MS_MAX));
  t.true((pauses.at(-1) ?? 0) > 10 * (pauses[0] ?? 0));
  hive.isDown = false;
  await look();
  t.like(sync().numbers(), { version: 3, behindMs: 0, tablesBehind: 0, problem: undefined });
  t.is(hive.tables.get('sg_acme.clicks')?.partitions.size, 2);
});

test('a table that Hive refuses keeps no other one, and does not forget', async (t) => {
  const { fixture, hive, look, sync } = await open(t);
  hive.fault = (statement) => (statement.includes('`clicks`') ? 'refused' : undefined);
  const schemas = [CLICKS, VIEWS];
  await fixture.commit({ add: schemas.map((schema) => fileOf(schema, 0)), schemas });
  await look();
  t.like(sync().numbers(), { version: 1, tablesBehind: 1 });
  t.is(hive.tables.get('sg_acme.views')?.partitions.size, 1);
  hive.fault = () => undefined;
  await look();
  t.is(hive.tables.get('sg_acme.clicks')?.partitions.size, 1);
  t.is(sync().numbers().version, 2);
});

test('who starts anew goes on from where Hive is', async (t) => {
  const { fixture, hive, look, restart, sync } = await open(t);
  await fixture.commit({ add: [fileOf(CLICKS, 0)], schemas: [CLICKS] });
  await look();
  await restart();
  const before = hive.statements.length;
  await look();
  t.is(hive.statements.length, before);
  await fixture.commit({ add: [fileOf(CLICKS, 1)] });
  await look();
  t.false(hive.statements.slice(before).some((text) => text.startsWith('SHOW PARTITIONS')));
  t.is(hive.tables.get('sg_acme.clicks')?.partitions.size, 2);
  t.is(sync().numbers().version, 3);
});

test('one position is kept, and another Hive has none', async (t) => {
  const { fixture, look, positions } = await open(t);
  for (let hour = 0; hour < 3; hour++) {
    await fixture.commit({ add: [fileOf(CLICKS, hour)], schemas: hour === 0 ? [CLICKS] : [] });
    await look();
  }
  t.is(positions().length, 1);
  t.regex(positions()[0] ?? '', /^_hive\/hive\.example-10000-[0-9a-f]{8}\/v0{19}4\.json$/);
});

test('without its position, or the versions behind it, tables are compared', async (t) => {
  const { fixture, hive, look, positions, restart } = await open(t);
  await fixture.commit({ add: [fileOf(CLICKS, 0), fileOf(CLICKS, 1)], schemas: [CLICKS] });
  await look();
  for (const path of positions()) fixture.archive.files.delete(path);
  const table = hive.tables.get('sg_acme.clicks');
  table?.partitions.set('dt=2020-01-01/hour=00', { location: 'x', columns: [] });
  table?.partitions.delete('dt=2026-11-21/hour=08');
  await restart();
  t.deepEqual([...(table?.partitions.keys() ?? [])].sort(), [
    'dt=2026-11-21/hour=08',
    'dt=2026-11-21/hour=09',
  ]);

  await fixture.commit({ remove: [fileOf(CLICKS, 0).path] });
  await fixture.commit({ add: [fileOf(CLICKS, 2)] });
  fixture.archive.files.delete(versionPath(3));
  await look();
  t.deepEqual(
    [...(table?.partitions.keys() ?? [])],
    ['dt=2026-11-21/hour=09', 'dt=2026-11-21/hour=10'],
  );
});

test('a table that somebody dropped is there again with all its hours', async (t) => {
  const { fixture, hive, look, restart } = await open(t);
  await fixture.commit({ add: [fileOf(CLICKS, 0), fileOf(CLICKS, 1)], schemas: [CLICKS] });
  await look();
  hive.tables.clear();
  await fixture.commit({ add: [fileOf(CLICKS, 2)] });
  await look();
  await look();
  t.is(hive.tables.get('sg_acme.clicks')?.partitions.size, 3);
  await restart();
  hive.tables.clear();
  await fixture.commit({ add: [fileOf(CLICKS, 3)] });
  await look();
  t.is(hive.tables.get('sg_acme.clicks')?.partitions.size, 4);
});

test("somebody else's table is not touched, and the way out is said", async (t) => {
  const { fixture, hive, look, sync } = await open(t);
  hive.databases.add('sg_acme');
  const theirs = { location: 'hdfs://nn:8020/other', columns: ['x'], partitions: new Map() };
  hive.tables.set('sg_acme.clicks', theirs);
  await fixture.commit({ add: [fileOf(CLICKS, 0)], schemas: [CLICKS] });
  await look();
  t.deepEqual(theirs.columns, ['x']);
  t.is(theirs.partitions.size, 0);
  t.regex(sync().numbers().problem ?? '', /at hdfs:\/\/nn:8020\/other.*databasePrefix/);
});

test('a close ends a statement that is not answered', async (t) => {
  const { fixture, hive, sync, wake } = await open(t);
  const asked = Promise.withResolvers<void>();
  hive.connect = async (_, signal) => ({
    run: () => {
      asked.resolve();
      return new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('cut')));
      });
    },
    close: () => undefined,
  });
  await fixture.commit({ add: [fileOf(CLICKS, 0)], schemas: [CLICKS] });
  wake();
  await asked.promise;
  await sync().close();
  t.is(sync().numbers().version, 1);
});

const FAULTS: readonly Fault[] = ['refused', 'gone', 'lost'];
const change = fc.record({
  stream: fc.constantFrom('clicks', 'Clicks', 'views'),
  hour: fc.nat(4),
  kind: fc.constantFrom('add', 'grow', 'compact', 'remove', 'restart', 'forget', 'prune'),
  /** Of the statements that follow, which one fails, and how; the look is repeated until none does. */
  faultAt: fc.nat(12),
  fault: fc.constantFrom(...FAULTS, undefined),
  looks: fc.nat(2),
});

test('whatever fails and whenever, Hive comes to what the manifest says', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 25 }), async (changes) => {
      const run = await open(t);
      const { fixture, hive, look, positions, restart, sync } = run;
      let serial = 0;
      for (const { stream, hour, kind, faultAt, fault, looks } of changes) {
        serial++;
        const { manifest } = fixture.store;
        const known = manifest.schemas.get(`acme/${stream}`);
        const schema = known ?? schemaOf('acme', stream);
        const schemas = known === undefined ? [schema] : [];
        const file = fileOf(schema, hour, { from: serial * 1_000, to: serial * 1_000 + 1 });
        const inHour = [...manifest.files.values()].filter(
          (other) => other.stream === stream && other.hourMs === file.hourMs,
        );
        const isMoved = inHour.some(({ path }) => /-c\d+\//.test(path));
        if (kind === 'add' && !isMoved) await fixture.commit({ add: [file], schemas });
        if (kind === 'grow' && !isMoved) {
          const columns = [...schema.columns.map(({ name }) => name), `f${serial}`];
          const grown = schemaOf('acme', stream, columns, schema.version + 1);
          await fixture.commit({ add: [{ ...file, schema: grown.version }], schemas: [grown] });
        }
        if (kind === 'compact' && inHour.length > 0) {
          await fixture.commit(compaction(inHour, serial));
        }
        if (kind === 'remove') await fixture.commit({ remove: inHour.map(({ path }) => path) });
        if (kind === 'restart') await restart();
        if (kind === 'forget') {
          for (const path of positions()) fixture.archive.files.delete(path);
        }
        // The newest one is always kept.
        if (kind === 'prune') fixture.archive.files.delete(versionPath(manifest.version - 1));
        let count = 0;
        hive.fault = () => (count++ === faultAt ? fault : undefined);
        for (let i = 0; i < looks; i++) await look();
      }
      hive.fault = () => undefined;
      await look();
      await look();
      t.is(sync().numbers().problem, undefined);
      t.is(sync().numbers().version, fixture.store.manifest.version);
      compare(t, run);
      await sync().close();
    }),
    { numRuns: 300 },
  );
});

function compaction(files: readonly SegmentFile[], serial: number) {
  const [first] = files;
  if (first === undefined) throw new Error('there is something to compact');
  const folder = folderOf(first.path).replace(/(-c\d+)?$/, `-c${serial}`);
  const schema = Math.max(...files.map((file) => file.schema));
  return {
    add: [{ ...first, schema, path: `${folder}/c.parquet` }],
    remove: files.map(({ path }) => path),
  };
}

/** Partitions, their places, and columns at least where a file has them beside files that have not. */
function compare(t: ExecutionContext, { fixture, hive }: Opened): void {
  const { schemas, files } = fixture.store.manifest;
  for (const { table, database, schema } of hiveTables(schemas.values(), 'sg_')) {
    const found = hive.tables.get(`${database}.${table}`);
    t.deepEqual(
      found?.columns,
      hiveColumns(schema).map(({ name }) => name),
    );
    const own = [...files.values()].filter(({ stream }) => stream === schema.stream);
    const wanted = new Map(own.map((file) => [partitionName(file), folderOf(file.path)]));
    t.deepEqual(
      Array.from(found?.partitions ?? [], ([name, { location }]) => `${name} ${location}`).sort(),
      Array.from(wanted, ([name, folder]) => `${name} ${URL}/${folder}`).sort(),
    );
    for (const file of own) {
      const has = found?.partitions.get(partitionName(file))?.columns ?? [];
      const atItsTime = columnCount(schema, file);
      t.true(has.length >= atItsTime, `${file.path} has ${atItsTime} columns`);
    }
  }
}

/** Each version of these schemas adds one column to those that every stream has. */
const columnCount = (schema: StreamSchema, file: SegmentFile): number =>
  hiveColumns(schema).length - (schema.version - file.schema);

const partitionName = ({ hourMs }: SegmentFile): string => {
  const hour = new Date(hourMs).toISOString();
  return `dt=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}`;
};

interface Opened {
  readonly fixture: ArchiveFixture;
  readonly hive: FakeHive;
  readonly sync: () => HiveSync;
  /** Asked for between looks. */
  readonly waits: number[];
  /** Lets it look once, to the end. */
  look(): Promise<void>;
  wake(): void;
  restart(): Promise<void>;
  positions(): string[];
}

async function open(t: ExecutionContext): Promise<Opened> {
  const fixture = await openArchiveFixture();
  const hive = new FakeHive();
  const waits: number[] = [];
  let asleep = Promise.withResolvers<void>();
  let wake = () => {};
  const start = () =>
    startHiveSync({
      settings: {
        host: 'hive.example',
        port: 10_000,
        auth: 'plain',
        user: 'u',
        tls: false,
        databasePrefix: 'sg_',
        archiveUrl: URL,
      },
      archive: fixture.archive,
      manifest: () => fixture.store.manifest,
      clock: { now: () => fixture.nowMs },
      log: silent,
      random: () => 0.5,
      connect: (server, signal) => hive.connect(server, signal),
      sleep: (ms, signal) => {
        waits.push(ms);
        asleep.resolve();
        return new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve());
        });
      },
    });
  let sync = start();
  await asleep.promise;
  t.teardown(() => sync.close());
  return {
    fixture,
    hive,
    sync: () => sync,
    waits,
    wake: () => wake(),
    look: async () => {
      asleep = Promise.withResolvers();
      wake();
      await asleep.promise;
    },
    restart: async () => {
      await sync.close();
      asleep = Promise.withResolvers();
      sync = start();
      await asleep.promise;
    },
    positions: () => [...fixture.archive.files.keys()].filter((path) => path.startsWith('_hive/')),
  };
}
