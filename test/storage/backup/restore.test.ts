import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { prepareDataDir } from '../../../src/data-dir.ts';
import { isFault } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import {
  MARK_NAME,
  RECORD_NAME,
  RESTORE_MARK_NAME,
} from '../../../storage/backup/backup-record.ts';
import { type Pace, paceOf } from '../../../storage/backup/digest.ts';
import { restoreBackup } from '../../../storage/backup/restore.ts';
import { takeBackup } from '../../../storage/backup/take.ts';
import { claimTarget, markTarget } from '../../../storage/backup/target.ts';
import { openState, snapshotOf } from '../../../storage/state/rocksdb.ts';
import { silent } from '../archive/silent.ts';

const atOnce: Pace = async () => undefined;
const key = (n: number) => Buffer.from(`row ${String(n).padStart(6, '0')}`);
const ALL = { from: new Uint8Array([0]), to: new Uint8Array([0xff, 0xff]) };

/** A state with rows and a journal of whole files, which here may hold anything, backed up. */
async function scene(t: ExecutionContext, pace: Pace = atOnce) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const [dataDir, to] = [join(folder, 'data'), join(folder, 'backup')];
  const journalDir = join(dataDir, 'journal');
  await mkdir(journalDir, { recursive: true });
  await mkdir(to);
  await writeFile(join(journalDir, '0000000000000000.journal'), Buffer.alloc(164, 1));
  await writeFile(join(journalDir, '0000000000000100.journal'), Buffer.alloc(164, 2));
  const state = await openState({ dir: join(dataDir, 'state'), partitions: 1 });
  const rows = Array.from({ length: 2_000 }, (_, n) => ({
    key: key(n),
    value: Buffer.alloc(n, n),
  }));
  await state.commit(rows);
  await markTarget(to, 'mark');
  await claimTarget(to, 'mark', dataDir);
  const take = () =>
    takeBackup({
      ...{ to, dataDir, pace, logger: silent, clock: { now: () => 1 } },
      log: {
        ...{ type: 'journal', id: 'j', dir: journalDir },
        ...{ start: offset(0), end: () => offset(148) },
      },
      partitions: 1,
      serverVersion: '0',
      archive: undefined,
      snapshot: () => snapshotOf(state.handle),
      progress(phase) {
        // What is committed once the rows are being read is not in the backup.
        if (phase === 'journal') void state.commit([{ key: key(5_000), value: key(0) }]);
      },
    });
  t.teardown(() => state.close());
  return { folder, dataDir, to, take, into: join(folder, 'new') };
}

const restored = (from: string, dataDir: string) =>
  restoreBackup({
    ...{ from, dataDir, pace: atOnce, clock: { now: () => 1 } },
    progress: () => undefined,
  });

test('a restored folder has every row, and of the journal what was durable', async (t) => {
  const { to, take, into } = await scene(t);
  await take();
  t.false((await readdir(to)).includes(MARK_NAME));
  await restored(to, into);
  t.deepEqual((await readdir(into)).sort(), ['journal', 'state']);
  const state = await openState({ dir: join(into, 'state'), partitions: 1 });
  const rows = [];
  for (let page = await state.page(ALL, 10_000); page.length > 0; ) {
    rows.push(...page);
    const from = Buffer.concat([page.at(-1)?.key ?? ALL.to, Buffer.of(0)]);
    page = await state.page({ ...ALL, from }, 10_000);
  }
  t.deepEqual(
    rows.map(({ value }) => value.length),
    Array.from({ length: 2_000 }, (_, n) => n),
  );
  await state.close();
  const last = await readFile(join(into, 'journal', '0000000000000100.journal'));
  t.is(last.length, 64 + 48);
});

test('a backup with a damaged, a short or a missing file is refused before anything is written', async (t) => {
  const { to, take, into } = await scene(t);
  await take();
  const file = join(to, 'journal', '0000000000000100.journal');
  const [sound, record] = await Promise.all([
    readFile(file),
    readFile(join(to, RECORD_NAME), 'utf8'),
  ]);
  const changeRecord = (change: (text: string) => string) =>
    writeFile(join(to, RECORD_NAME), change(record));
  const damages = [
    () => writeFile(file, Buffer.concat([sound.subarray(0, -1), Buffer.of(9)])),
    () => appendFile(file, 'x'),
    () => truncate(file, 10),
    () => rm(file),
    () => changeRecord((text) => text.slice(0, -9)),
    () => changeRecord((text) => text.replace('"state.dump"', '"../state.dump"')),
    () => changeRecord((text) => text.replace('"state.dump"', '"state/CURRENT"')),
    () => changeRecord((text) => text.replace('"format":1', '"format":2')),
  ];
  for (const damage of damages) {
    await writeFile(file, sound);
    await damage();
    const error = await t.throwsAsync(restored(to, into));
    t.true(isFault(error, 'backup_corrupt'), error?.message);
    await t.throwsAsync(readdir(into), { code: 'ENOENT' });
  }
});

test('a folder with something in it is not restored into', async (t) => {
  const { to, take, into } = await scene(t);
  await take();
  await mkdir(join(into, 'journal'), { recursive: true });
  const error = await t.throwsAsync(restored(to, into));
  t.true(isFault(error, 'backup_invalid'));
  t.regex(
    error?.message ?? '',
    /expected an empty folder to restore into, there is "journal" in it/,
  );
  const inside = await t.throwsAsync(restored(to, join(to, 'new')), { code: 'backup_invalid' });
  t.regex(inside?.message ?? '', /expected a data folder outside of the backup/);
});

test('no server starts in a folder whose restore was cut off, and another restore finishes it', async (t) => {
  const { to, take, into } = await scene(t);
  await take();
  const cutOff = restoreBackup({
    from: to,
    dataDir: into,
    pace: atOnce,
    clock: { now: () => 1 },
    progress(phase) {
      if (phase === 'state') throw new Error('killed');
    },
  });
  await t.throwsAsync(cutOff, { message: 'killed' });
  t.true((await readdir(into)).includes(RESTORE_MARK_NAME));
  const error = await t.throwsAsync(prepareDataDir(into), { code: 'config_invalid' });
  t.regex(error?.message ?? '', /is being restored from a backup, or that did not come to its end/);
  await restored(to, into);
  await t.notThrowsAsync(prepareDataDir(into));
});

test('a cancelled backup is none', async (t) => {
  const cancelling = new AbortController();
  const pace = paceOf(1e9, cancelling.signal, { now: () => 0, sleep: async () => undefined });
  const { to, take, into } = await scene(t, async (bytes) => {
    cancelling.abort();
    await pace(bytes);
  });
  await t.throwsAsync(take(), { message: 'the backup was cancelled' });
  await t.throwsAsync(restored(to, into), { code: 'backup_invalid' });
});

test('a place for a backup is marked by who asks, empty, and outside of the data folder', async (t) => {
  const { folder, dataDir } = await scene(t);
  const refusal = async (to: string, mark: string) =>
    (await t.throwsAsync(claimTarget(to, mark, dataDir), { code: 'backup_invalid' }))?.message ??
    '';
  const to = join(folder, 'other');
  t.regex(await refusal('other', 'm'), /expected an absolute path/);
  t.regex(await refusal(to, 'm'), /expected the mark of this backup in .*, there is none/);
  await mkdir(to);
  await markTarget(to, 'm');
  t.regex(await refusal(to, 'another'), /there is another one/);
  await writeFile(join(to, 'letter.txt'), '');
  t.regex(await refusal(to, 'm'), /expected an empty folder, there is "letter.txt" in it/);
  await t.throwsAsync(markTarget(to, 'm'), { code: 'backup_invalid' });
  const inside = join(dataDir, 'backup');
  await mkdir(inside);
  await markTarget(inside, 'm');
  t.regex(await refusal(inside, 'm'), /expected a folder outside of the data folder/);
});

test('the pace is kept on average, and what was not used is lost', async (t) => {
  let nowMs = 0;
  const pace = paceOf(1_000, new AbortController().signal, {
    now: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
    },
  });
  for (let i = 0; i < 10; i++) await pace(500);
  t.true(nowMs >= 4_000 && nowMs <= 5_000, `${nowMs}`);
  nowMs += 60_000;
  const from = nowMs;
  for (let i = 0; i < 10; i++) await pace(500);
  t.true(nowMs - from >= 3_500, `${nowMs - from}`);
});
