import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { mutate } from '../../load-tests/fault/mutants.ts';
import { PLANTED_CHANGES } from '../../load-tests/fault/planted-changes.ts';
import { cutPower, type DamageKind } from '../../load-tests/fault/power-cut.ts';
import {
  RECORDS_ENV,
  recordSynced,
  STATE_ENV,
  syncedLength,
} from '../../load-tests/fault/synced-lengths.ts';
import { seededRandom } from '../../load-tests/random.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RECORDER = fileURLToPath(new URL('../../load-tests/fault/record-syncs.ts', import.meta.url));

function scratch(t: ExecutionContext): { dataDir: string; records: string } {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-fault-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [dataDir, records] = [join(folder, 'data'), join(folder, 'records')];
  mkdirSync(dataDir);
  mkdirSync(records);
  return { dataDir, records };
}

/** Runs a program in a worker thread of a process that has the recorder. */
function runRecorded(dataDir: string, records: string, program: string): void {
  const entry = join(dataDir, 'program.mjs');
  const main = join(dataDir, 'main.mjs');
  writeFileSync(entry, program);
  writeFileSync(
    main,
    `import { Worker } from 'node:worker_threads';
    new Worker(${JSON.stringify(entry)}).on('error', (error) => { throw error; });`,
  );
  execFileSync(process.execPath, ['--import', RECORDER, main], {
    env: { ...process.env, [RECORDS_ENV]: records, [STATE_ENV]: dataDir },
    stdio: 'pipe',
  });
}

test('a sync in a worker thread notes the length at its start, and a rename keeps the note', (t) => {
  const { dataDir, records } = scratch(t);
  const file = join(dataDir, 'a.journal');
  runRecorded(
    dataDir,
    records,
    `import { fdatasync, openSync, renameSync, writeSync } from 'node:fs';
    import { promisify } from 'node:util';
    const fd = openSync(${JSON.stringify(`${file}.tmp`)}, 'w+');
    writeSync(fd, 'x'.repeat(100));
    const synced = promisify(fdatasync)(fd);
    writeSync(fd, 'x'.repeat(50));
    await synced;
    renameSync(${JSON.stringify(`${file}.tmp`)}, ${JSON.stringify(file)});`,
  );
  t.is(statSync(file).size, 150);
  t.is(syncedLength(records, statSync(file).ino), 100);
});

test('a synced RocksDB batch notes its write-ahead log, an unsynced one does not', (t) => {
  const { dataDir, records } = scratch(t);
  const rocksdb = pathToFileURL(join(ROOT, 'node_modules/@nxtedition/rocksdb/index.js')).href;
  runRecorded(
    dataDir,
    records,
    `import { RocksLevel } from ${JSON.stringify(rocksdb)};
    import { readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
    const db = new RocksLevel(${JSON.stringify(join(dataDir, 'state'))});
    await db.open();
    const write = (sync) => db.batch().put('key', 'v'.repeat(1000)).write({ sync });
    const log = readdirSync(${JSON.stringify(join(dataDir, 'state'))}).find((name) => /^\\d+\\.log$/.test(name));
    const path = ${JSON.stringify(join(dataDir, 'state'))} + '/' + log;
    await write(true);
    const synced = statSync(path);
    await write(false);
    writeFileSync(${JSON.stringify(join(dataDir, 'seen'))}, synced.ino + ' ' + synced.size);
    if (statSync(path).size <= synced.size) throw new Error('expected the log to grow');
    await db.close();`,
  );
  const [ino = 0, size = 0] = readFileSync(join(dataDir, 'seen'), 'utf8').split(' ').map(Number);
  t.true(size > 0);
  t.is(syncedLength(records, ino), size);
});

for (const kind of ['cut', 'zeros', 'garbage'] as const satisfies readonly DamageKind[]) {
  test(`a power cut (${kind}) never touches what is synced and changes what is not`, (t) => {
    const { dataDir, records } = scratch(t);
    const file = join(dataDir, '0.journal');
    const untouched = join(dataDir, '1.journal');
    const content = 'synced'.padEnd(1_000, 's') + 'unsynced'.padEnd(1_000, 'u');
    for (let seed = 0; seed < 50; seed++) {
      writeFileSync(file, content);
      writeFileSync(untouched, content);
      recordSynced(records, statSync(file).ino, 1_000);
      recordSynced(records, statSync(untouched).ino, 2_000);
      const [damage, ...others] = cutPower({
        ...{ dataDir, records, kind, random: seededRandom(seed), isWorst: seed % 2 === 0 },
      });
      t.is(damage?.syncedBytes, 1_000);
      t.deepEqual(others, []);
      const after = readFileSync(file, 'latin1');
      const kept = damage?.keptBytes ?? 0;
      t.is(after.slice(0, kept), content.slice(0, kept));
      t.true(kept >= 1_000 && after.length <= 2_000);
      if (seed % 2 === 0) t.is(kept, 1_000);
      t.is(readFileSync(untouched, 'latin1'), content);
    }
  });
}

test('only the newest write-ahead log loses bytes, and a mere kill takes none', (t) => {
  const { dataDir, records } = scratch(t);
  const cut = { dataDir, records, random: seededRandom(1), isWorst: true };
  for (const name of ['000009.log', '000010.log', 'server.log']) {
    writeFileSync(join(dataDir, name), 'x'.repeat(100));
  }
  t.deepEqual(cutPower({ ...cut, kind: 'spared' }), []);
  const damage = cutPower({ ...cut, kind: 'garbage' });
  t.deepEqual(
    damage.map(({ file, kind }) => [file, kind]),
    [['000010.log', 'cut']],
  );
  t.is(statSync(join(dataDir, '000010.log')).size, 0);
  t.is(statSync(join(dataDir, '000009.log')).size, 100);
});

for (const change of PLANTED_CHANGES) {
  test(`the planted change "${change.name}" still finds its place in ${change.file}`, (t) => {
    const source = readFileSync(join(ROOT, change.file), 'utf8');
    t.not(mutate(source, change), source);
    t.throws(() => mutate('', change), { message: /found it 0 times/ });
    t.throws(() => mutate(source + source, change), { message: /found it 2 times/ });
  });
}

test('a change is planted by its name alone, so names differ', (t) => {
  const names = PLANTED_CHANGES.map(({ name }) => name);
  t.is(new Set(names).size, names.length);
  t.deepEqual(
    names.filter((name) => name === '' || name.includes(',')),
    [],
  );
});
