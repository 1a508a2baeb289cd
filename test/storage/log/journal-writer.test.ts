import { mkdir, rename, rmdir, stat } from 'node:fs/promises';
import test from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { logEnd, sharedRefusal } from '../../../storage/log/log-shared.ts';
import { sequenceOf, testBlock } from './blocks.ts';
import { faultyDisk, systemError } from './faulty-disk.ts';
import { journalFiles, readUntil, scratchDir, scratchJournal, sequences } from './scratch.ts';

const FILE_BYTES = 4096;

test('a full file is followed by one named after its first offset', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir, fileBytes: FILE_BYTES });
  const offsets: Offset[] = [];
  for (let sequence = 0; sequence < 20; sequence += 1) {
    offsets.push(...(await journal.writer.append([testBlock({ sequence, bodyBytes: 900 })])));
  }
  const files = await journalFiles(dir);
  t.true(files.length > 4);
  for (const file of files) {
    t.true((await stat(file)).size <= FILE_BYTES + 64);
    t.true(offsets.includes(offset(Number(/(\d+)\.journal$/.exec(file)?.[1]))));
  }
  const end = offset((offsets.at(-1) as Offset) + testBlock({ bodyBytes: 900 }).length);
  t.deepEqual(
    await sequences(journal, 0, end),
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test('deletion takes whole files, keeps the newest, and readers of what is gone are told', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir, fileBytes: FILE_BYTES });
  for (let sequence = 0; sequence < 20; sequence += 1) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 900 })]);
  }
  const before = (await journalFiles(dir)).length;
  const kept = await journal.writer.deleteBefore(offset(10_000));
  t.true(kept > 0 && kept <= 10_000);
  t.true((await journalFiles(dir)).length < before);
  const error = await t.throwsAsync(sequences(journal, 0, offset(1), offset(0)));
  t.true(isFault(error, 'log_truncated'));
  await journal.writer.deleteBefore(offset(Number.MAX_SAFE_INTEGER));
  t.is((await journalFiles(dir)).length, 1);
});

test('a file that cannot be deleted is still counted, and the next deletion tries again', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir, fileBytes: FILE_BYTES });
  for (let sequence = 0; sequence < 12; sequence += 1) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 900 })]);
  }
  const [path = ''] = await journalFiles(dir);
  await rename(path, `${path}.away`);
  await mkdir(path);
  const { logBytes } = journal.writer;
  const everything = offset(Number.MAX_SAFE_INTEGER);
  t.true(isFault(await t.throwsAsync(journal.writer.deleteBefore(everything)), 'log_io'));
  t.is(journal.writer.logBytes, logBytes);
  await rmdir(path);
  await rename(`${path}.away`, path);
  await Promise.all([
    journal.writer.deleteBefore(everything),
    journal.writer.deleteBefore(everything),
  ]);
  const [newest = '', ...others] = await journalFiles(dir);
  t.deepEqual(others, []);
  t.is(journal.writer.logBytes, (await stat(newest)).size);
});

test('a reader in the middle of a file that is deleted reads on', async (t) => {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: FILE_BYTES });
  for (let sequence = 0; sequence < 12; sequence += 1) {
    await journal.writer.append([testBlock({ sequence, bodyBytes: 900 })]);
  }
  const reader = journal.openReader(new Map([[0, offset(0)]]));
  t.teardown(() => reader.close());
  const first = (await reader.read(1000)).blocks;
  const [secondFile] = (await journalFiles(dir)).slice(1);
  await journal.writer.deleteBefore(offset(Number(/(\d+)\.journal$/.exec(secondFile ?? '')?.[1])));
  const rest = await readUntil(reader, 0, logEnd(shared, 0) ?? offset(0));
  t.deepEqual(
    [...first, ...rest].map((block) => sequenceOf(block.bytes)),
    Array.from({ length: 12 }, (_, index) => index),
  );
});

test('at its size bound the log is full until files are deleted', async (t) => {
  const dir = await scratchDir(t);
  const options = { dir, fileBytes: FILE_BYTES, bytesMax: 3 * FILE_BYTES };
  const { journal, shared } = await scratchJournal(t, options);
  const block = () => testBlock({ bodyBytes: 900 });
  let taken = 0;
  while (journal.writer.refusal === undefined && taken < 100) {
    const error = await journal.writer.append([block()]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error !== undefined) {
      t.true(isFault(error, 'log_full'));
      break;
    }
    taken += 1;
  }
  t.true(taken > 5 && taken < 14);
  t.true(journal.writer.logBytes <= options.bytesMax);
  await journal.writer.deleteBefore(logEnd(shared, 0) ?? offset(0));
  await journal.writer.append([block()]);
  t.is(sharedRefusal(shared), undefined);
});

test('a disk at its reserve makes the log full, and room makes it take again', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  disk.free = 10_000;
  const { journal, shared } = await scratchJournal(t, { dir, disk, diskReserveBytes: 9_000 });
  await journal.writer.append([testBlock({ bodyBytes: 600 })]);
  const error = await t.throwsAsync(journal.writer.append([testBlock({ bodyBytes: 600 })]));
  t.true(isFault(error, 'log_full'));
  disk.free = 20_000;
  await journal.writer.checkDisk();
  await journal.writer.append([testBlock({ bodyBytes: 600 })]);
  disk.free = 9_000;
  await journal.writer.checkDisk();
  t.is(journal.writer.refusal, 'log_full');
  t.is(sharedRefusal(shared), 'log_full');
});

test('bytes that wait are bounded', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const synced = Promise.withResolvers<void>();
  const { journal } = await scratchJournal(t, { dir, disk, pendingBytesMax: 1000 });
  disk.before.syncData = () => synced.promise;
  const accepted = journal.writer.append([testBlock({ bodyBytes: 700 })]);
  const error = await t.throwsAsync(journal.writer.append([testBlock({ bodyBytes: 700 })]));
  t.true(isFault(error, 'log_backpressure'));
  synced.resolve();
  await accepted;
  await journal.writer.append([testBlock({ bodyBytes: 700 })]);
  t.is(journal.writer.pendingBytes, 0);
});

test('one append above the bound is taken when nothing waits', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir, pendingBytesMax: 1000 });
  await t.notThrowsAsync(journal.writer.append([testBlock({ bodyBytes: 5000 })]));
});

test('what arrives while a sync runs shares the next one', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const { journal } = await scratchJournal(t, { dir, disk });
  disk.rounds.length = 0;
  const synced = Promise.withResolvers<void>();
  const syncing = new Promise<void>((resolve) => {
    disk.before.syncData = () => {
      resolve();
      return synced.promise;
    };
  });
  const first = journal.writer.append([testBlock()]);
  await syncing;
  const others = Array.from({ length: 50 }, () => journal.writer.append([testBlock()]));
  synced.resolve();
  await Promise.all([first, ...others]);
  t.deepEqual(
    disk.rounds.map((round) => round.blocks),
    [1, 50],
  );
});

test('an append larger than a round takes several and is answered after the last', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const { journal, shared } = await scratchJournal(t, { dir, disk });
  disk.rounds.length = 0;
  const blocks = Array.from({ length: 5 }, (_, sequence) =>
    testBlock({ sequence, bodyBytes: 7 * 1024 * 1024 }),
  );
  const offsets = await journal.writer.append(blocks);
  t.deepEqual(
    disk.rounds.map((round) => round.blocks),
    [2, 2, 1],
  );
  t.is(logEnd(shared, 0), offset((offsets[4] as Offset) + (blocks[4] as Uint8Array).length));
});

test('a reader sees nothing that is not synced', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const { journal, shared } = await scratchJournal(t, { dir, disk });
  const synced = Promise.withResolvers<void>();
  disk.before.syncData = () => synced.promise;
  const reader = journal.openReader(new Map([[0, offset(0)]]));
  let seen = 0;
  const read = reader.read(1000).then((found) => {
    seen = found.blocks.length;
  });
  const appended = journal.writer.append([testBlock()]);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(logEnd(shared, 0), offset(0));
  t.is(seen, 0);
  synced.resolve();
  await Promise.all([appended, read]);
  t.is(seen, 1);
  reader.close();
});

test('after a failed sync nothing is acknowledged any more, and reopening finds what was', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const { journal, shared } = await scratchJournal(t, { dir, disk });
  await journal.writer.append([testBlock({ sequence: 1 })]);
  disk.before.syncData = () => {
    throw systemError('EIO');
  };
  const failed = await t.throwsAsync(journal.writer.append([testBlock({ sequence: 2 })]));
  t.true(isFault(failed, 'log_io'));
  disk.before = {};
  const refused = await t.throwsAsync(journal.writer.append([testBlock({ sequence: 3 })]));
  t.true(isFault(refused, 'log_io'));
  t.is(sharedRefusal(shared), 'log_io');
  await journal.writer.close();

  const { journal: again, shared: sharedAgain } = await scratchJournal(t, { dir });
  await again.writer.append([testBlock({ sequence: 4 })]);
  t.deepEqual(await sequences(again, 0, logEnd(sharedAgain, 0) ?? offset(0)), [1, 4]);
});

test('a failed sync rejects what waits behind it too', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const { journal } = await scratchJournal(t, { dir, disk });
  const failing = Promise.withResolvers<void>();
  const syncing = new Promise<void>((resolve) => {
    disk.before.syncData = () => {
      resolve();
      return failing.promise;
    };
  });
  const first = journal.writer.append([testBlock()]);
  await syncing;
  const second = journal.writer.append([testBlock()]);
  failing.reject(systemError('EIO'));
  t.true(isFault(await t.throwsAsync(first), 'log_io'));
  t.true(isFault(await t.throwsAsync(second), 'log_io'));
  t.is(journal.writer.pendingBytes, 0);
});

test('a write without space is undone, refused as full, and taken once there is space', async (t) => {
  const dir = await scratchDir(t);
  const disk = faultyDisk();
  const { journal, shared } = await scratchJournal(t, { dir, disk });
  await journal.writer.append([testBlock({ sequence: 1 })]);
  disk.before.write = () => {
    throw systemError('ENOSPC');
  };
  const error = await t.throwsAsync(journal.writer.append([testBlock({ sequence: 2 })]));
  t.true(isFault(error, 'log_full'));
  t.is(journal.writer.refusal, 'log_full');
  disk.before = {};
  await journal.writer.checkDisk();
  await journal.writer.append([testBlock({ sequence: 3 })]);
  t.deepEqual(await sequences(journal, 0, logEnd(shared, 0) ?? offset(0)), [1, 3]);
});

test('a block that is not sealed is a bug of the caller', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  t.throws(() => journal.writer.append([new Uint8Array(88)]), { name: 'AssertionError' });
  t.throws(() => journal.writer.append([testBlock({ partition: 99 })]), { name: 'AssertionError' });
});

test('a second writer of the same directory is refused, and welcome after the first has closed', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  const error = await t.throwsAsync(scratchJournal(t, { dir }));
  t.true(isFault(error, 'log_locked'));
  await journal.writer.close();
  await t.notThrowsAsync(scratchJournal(t, { dir }));
});
