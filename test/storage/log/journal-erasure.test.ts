import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { Block } from '../../../src/model/block.ts';
import { rowsWith } from '../../../src/model/block-eraser.ts';
import { AppError } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { type Disk, nodeDisk } from '../../../storage/log/disk.ts';
import { type Erasable, findErasable, writeErased } from '../../../storage/log/journal-erasure.ts';
import { openJournalReader } from '../../../storage/log/journal-reader.ts';
import { logEnd, wakeReaders } from '../../../storage/log/log-shared.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';
import { faultyDisk, systemError } from './faulty-disk.ts';
import { journalFiles, readUntil, scratchDir, scratchJournal } from './scratch.ts';

const FILE_BYTES = 4096;
const ann: Erasable = (block) => rowsWith(block, { field: 'user', value: 'ann' });
const nobody: Erasable = () => undefined;

const blockOf = (users: readonly string[], sequence: number): Uint8Array =>
  eventBlock(
    users.map((user) => ({ type: 'view', user, mail: `${user}@example.com` })),
    { arrivalMs: 1_700_000_000_000, sequence },
  ).bytes;

async function journalOf(t: ExecutionContext, users: readonly (readonly string[])[]) {
  const dir = await scratchDir(t);
  const opened = await scratchJournal(t, { dir, fileBytes: FILE_BYTES });
  for (const [sequence, names] of users.entries()) {
    await opened.journal.writer.append([blockOf(names, sequence)]);
  }
  return { dir, ...opened };
}

const bases = async (dir: string): Promise<Offset[]> =>
  (await journalFiles(dir)).map((path) => offset(Number(/(\d+)\.journal$/.exec(path)?.[1])));

async function erase(dir: string, base: Offset): Promise<void> {
  await writeErased({ disk: nodeDisk, dir, base }, ann);
}

const held = async (dir: string, text: string): Promise<boolean> =>
  (await Promise.all((await journalFiles(dir)).map((path) => readFile(path)))).some((bytes) =>
    bytes.includes(text),
  );

test('what was written last is in a file that can be replaced once its file was ended', async (t) => {
  const { dir, journal } = await journalOf(t, [['ann', 'bob'], ['ann']]);
  const [base] = await bases(dir);
  await journal.writer.endFile();
  t.is((await bases(dir)).length, 2);
  await journal.writer.endFile();
  t.is((await bases(dir)).length, 2, 'a file without blocks goes on');
  const size = (await stat((await journalFiles(dir))[0]!)).size;
  await erase(dir, base!);
  t.true(await journal.writer.replaceFile(base!));
  t.is((await stat((await journalFiles(dir))[0]!)).size, size);
  t.false(await held(dir, 'ann'));
  t.true(await held(dir, 'bob@example.com'));
});

test('an end that is asked for while appends are under way comes between two of them', async (t) => {
  const { dir, journal, shared } = await journalOf(t, []);
  const appends = Array.from({ length: 20 }, (_, sequence) =>
    journal.writer.append([blockOf(['bob'], sequence)]),
  );
  await Promise.all([...appends, journal.writer.endFile()]);
  const end = logEnd(shared, 0)!;
  const reader = journal.openReader(new Map([[0, offset(0)]]));
  t.is((await readUntil(reader, 0, end)).length, 20);
  reader.close();
  t.true((await bases(dir)).length >= 2);
});

test('a file that was deleted meanwhile does not come back', async (t) => {
  const { dir, journal } = await journalOf(t, [['ann']]);
  const [base] = await bases(dir);
  await journal.writer.endFile();
  await erase(dir, base!);
  const [, replaced] = await Promise.all([
    journal.writer.deleteBefore(offset(Number.MAX_SAFE_INTEGER)),
    journal.writer.replaceFile(base!),
  ]);
  t.false(replaced);
  t.false(await held(dir, 'ann'));
  t.is((await bases(dir)).length, 1);
});

test('blocks that cannot be read stay as they are and are reported', async (t) => {
  const { dir, journal } = await journalOf(t, [['ann'], ['ann', 'bob'], ['ann']]);
  const [base] = await bases(dir);
  await journal.writer.endFile();
  const [path = ''] = await journalFiles(dir);
  const bytes = await readFile(path);
  const second = bytes.indexOf('SGB1', 70);
  bytes[second + 90] = bytes[second + 90]! ^ 1;
  await writeFile(path, bytes);
  const found: Offset[] = [];
  const damage = await findErasable({ disk: nodeDisk, dir, base: base! }, ann, async (block) => {
    found.push(block.offset);
  });
  t.deepEqual(damage, [{ path, byteOffset: second }]);
  t.is(found.length, 2);
  await erase(dir, base!);
  await journal.writer.replaceFile(base!);
  const after = await readFile(path);
  const length = bytes.readUInt32LE(second + 4);
  t.deepEqual(after.subarray(second, second + length), bytes.subarray(second, second + length));
  t.is(after.toString('latin1').split('ann@').length, 2);
});

test('a file that ends in no block is copied to its end', async (t) => {
  const { dir, journal } = await journalOf(t, [['ann']]);
  const [base] = await bases(dir);
  await journal.writer.endFile();
  const [path = ''] = await journalFiles(dir);
  const bytes = Buffer.concat([await readFile(path), Buffer.from('no block'.repeat(30))]);
  await writeFile(path, bytes);
  const place = { disk: nodeDisk, dir, base: base! };
  const damage = await findErasable(place, ann, async () => undefined);
  t.deepEqual(damage, [{ path, byteOffset: bytes.length - 240 }]);
  await writeErased(place, nobody);
  t.deepEqual(await readFile(`${path}.tmp`), bytes);
});

test('a disk that is full leaves the file as it was', async (t) => {
  const { dir, journal } = await journalOf(t, [['ann']]);
  const [base] = await bases(dir);
  await journal.writer.endFile();
  const disk = faultyDisk();
  disk.before.write = () => {
    throw systemError('ENOSPC');
  };
  const error = await t.throwsAsync(writeErased({ disk, dir, base: base! }, ann));
  t.true(error instanceof AppError && error.code === 'log_io');
  t.true(await held(dir, 'ann'));
  const [path = ''] = await journalFiles(dir);
  t.false(existsSync(`${path}.tmp`));
  await writeFile(`${path}.tmp`, 'too short');
  await t.throwsAsync(journal.writer.replaceFile(base!), { message: /bytes in/ });
  t.true(await held(dir, 'ann'));
});

test('a file that cannot be begun leaves none behind, and the one before is written on', async (t) => {
  const dir = await scratchDir(t);
  let isBroken = false;
  const disk: Disk = {
    ...nodeDisk,
    open: async (path, flags) => {
      // Its name is there by then, and perhaps not durable.
      if (isBroken && path === dir) throw systemError('EMFILE');
      return nodeDisk.open(path, flags);
    },
  };
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: FILE_BYTES, disk });
  await journal.writer.append([blockOf(['ann'], 0)]);
  isBroken = true;
  await t.throwsAsync(journal.writer.endFile(), { message: /EMFILE/ });
  isBroken = false;
  await journal.writer.append([blockOf(['bob'], 1)]);
  t.is((await bases(dir)).length, 1);
  await journal.writer.close();
  const { journal: again } = await scratchJournal(t, { dir });
  t.deepEqual(again.recovery.damage, []);
  t.is(again.recovery.end, logEnd(shared, 0)!);
});

test('the file is ended for each who asks while it is being ended', async (t) => {
  const { dir, journal } = await journalOf(t, [['ann']]);
  const first = journal.writer.endFile();
  await Promise.resolve();
  await t.notThrowsAsync(Promise.all([first, journal.writer.endFile()]));
  t.is((await bases(dir)).length, 2);
});

test('a reader at the end of the log lets go of the file that was replaced', async (t) => {
  const { dir, journal, shared } = await journalOf(t, [['ann', 'bob']]);
  const closed: number[] = [];
  const disk: Disk = {
    ...nodeDisk,
    close: (fd) => {
      closed.push(fd);
      return nodeDisk.close(fd);
    },
  };
  const reader = openJournalReader({ dir, shared, from: new Map([[0, offset(0)]]), disk });
  t.teardown(() => reader.close());
  await readUntil(reader, 0, logEnd(shared, 0)!);
  const next = reader.read(1000);
  await journal.writer.endFile();
  t.is(closed.length, 0);
  wakeReaders(shared);
  await new Promise(setImmediate);
  await journal.writer.append([blockOf(['eve'], 9)]);
  const { blocks } = await next;
  t.is(blocks.length, 1);
  t.is(new Block(blocks[0]!.bytes).rows, 1);
  t.true(closed.length > 0);
});
