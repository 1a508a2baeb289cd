/**
 * Random lives of a journal (bursts of appends, crashes that cut the last file anywhere behind its last completed
 * sync and leave anything in what was not synced, clean closes, deletions) against an array: what was
 * acknowledged is there, in order, at its offset, once; what else is there was sent next.
 */
import { cpSync, fstatSync } from 'node:fs';
import { open, stat, truncate } from 'node:fs/promises';
import { basename } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type Offset, offset } from '../../../src/model/units.ts';
import { type Disk, nodeDisk } from '../../../storage/log/disk.ts';
import { logEnd } from '../../../storage/log/log-shared.ts';
import { sequenceOf, testBlock } from './blocks.ts';
import { journalFiles, PARTITIONS, scratchDir, scratchJournal } from './scratch.ts';

interface Sent {
  readonly sequence: number;
  readonly offset: Offset;
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const life = fc.record({
  bodies: fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 40 }),
  /** How many of the appends are acknowledged before the end comes. */
  acknowledged: fraction,
  end: fc.constantFrom('close', 'crash', 'crash', 'crash'),
  /** Where the crash cuts, between what is synced and what is written. */
  cut: fraction,
  /** What it leaves from where on in the rest. */
  leaves: fc.constantFrom('data', 'zeros', 'garbage'),
  from: fraction,
  deletes: fc.option(fraction, { freq: 4 }),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

test('acknowledged blocks survive any crash, in order, once', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 5 }), async (lives) => {
      let dir = await scratchDir(t);
      let kept: Sent[] = [];
      let sequence = 0;
      let deletedBefore = 0;
      for (const one of lives) {
        const lived = await live(t, dir, one, sequence);
        sequence += one.bodies.length;
        const found = await readAll(t, lived.dir);
        const start = found[0]?.offset ?? offset(0);
        const expected = [...kept, ...lived.sent].filter((block) => block.offset >= start);
        const before = kept.filter((block) => block.offset >= start).length;
        t.deepEqual(found, expected.slice(0, found.length));
        t.true(
          found.length >= before + lived.acknowledged.filter((sent) => sent.offset >= start).length,
        );
        deletedBefore = Math.max(deletedBefore, lived.deletedBefore);
        t.true(start <= deletedBefore);
        dir = lived.dir;
        kept = found;
      }
    }),
    { numRuns: 40 },
  );
});

interface Lived {
  readonly dir: string;
  readonly sent: readonly Sent[];
  readonly acknowledged: readonly Sent[];
  readonly deletedBefore: Offset;
}

/** One life: answers the directory that the next one opens, and what it may and must find. */
async function live(t: ExecutionContext, dir: string, one: Life, first: number): Promise<Lived> {
  const { disk, syncedBytes } = recordingDisk();
  const { journal, shared } = await scratchJournal(t, { dir, disk, fileBytes: 16_384 });
  const start = logEnd(shared, 0) ?? offset(0);
  const acknowledged: Sent[] = [];
  const sent: Sent[] = [];
  let next = start;
  const appends = one.bodies.map((bodyBytes, index) => {
    const sequence = first + index;
    const block = testBlock({ partition: sequence % PARTITIONS, sequence, bodyBytes });
    const item = { sequence, offset: next };
    sent.push(item);
    next = offset(next + block.length);
    return journal.writer.append([block]).then(([at]) => {
      t.is(at, item.offset);
      acknowledged.push(item);
    });
  });
  await Promise.all(appends.slice(0, Math.round(one.acknowledged * appends.length)));
  const deletedBefore = offset(Math.floor((one.deletes ?? 0) * start));
  await journal.writer.deleteBefore(deletedBefore);
  if (one.end === 'close') {
    await journal.writer.close();
    return { dir, sent, acknowledged: sent, deletedBefore };
  }
  const promised = [...acknowledged];
  const synced = new Map(syncedBytes);
  const crashed = await scratchDir(t);
  cpSync(dir, crashed, { recursive: true });
  await damageTail(crashed, synced, one);
  await journal.writer.close();
  return { dir: crashed, sent, acknowledged: promised, deletedBefore };
}

async function damageTail(
  dir: string,
  synced: ReadonlyMap<string, number>,
  one: Life,
): Promise<void> {
  const path = (await journalFiles(dir)).at(-1) ?? '';
  const safe = synced.get(basename(path)) ?? 64;
  const { size } = await stat(path);
  const length = Math.max(safe, Math.round(safe + one.cut * (size - safe)));
  await truncate(path, length);
  const from = Math.round(safe + one.from * (length - safe));
  if (one.leaves === 'data' || from >= length) return;
  const file = await open(path, 'r+');
  await file.write(
    Buffer.alloc(length - from, one.leaves === 'zeros' ? 0 : 0xa5),
    0,
    length - from,
    from,
  );
  await file.close();
}

/** The real disk, which remembers by file name how many bytes each completed sync has covered. */
function recordingDisk(): { disk: Disk; syncedBytes: ReadonlyMap<string, number> } {
  const names = new Map<number, string>();
  const written = new Map<number, number>();
  const syncedBytes = new Map<string, number>();
  const covers = (fd: number, bytes: number): void => {
    const name = names.get(fd) ?? '';
    syncedBytes.set(name, Math.max(bytes, syncedBytes.get(name) ?? 0));
  };
  const disk: Disk = {
    ...nodeDisk,
    async open(path, flags) {
      const fd = await nodeDisk.open(path, flags);
      names.set(fd, basename(String(path)).replace('.tmp', ''));
      written.delete(fd);
      return fd;
    },
    async write(fd, buffers, position) {
      await nodeDisk.write(fd, buffers, position);
      written.set(fd, position + buffers.reduce((sum, buffer) => sum + buffer.length, 0));
    },
    async syncData(fd) {
      const bytes = written.get(fd) ?? fstatSync(fd).size;
      await nodeDisk.syncData(fd);
      covers(fd, bytes);
    },
  };
  return { disk, syncedBytes };
}

/** Opens and closes the journal, as the server does after a crash; every block that is kept, in log order. */
async function readAll(t: ExecutionContext, dir: string): Promise<Sent[]> {
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes: 16_384 });
  t.deepEqual(journal.recovery.damage, []);
  const { start } = journal.recovery;
  const end = logEnd(shared, 0) ?? start;
  const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const reader = journal.openReader(new Map(partitions.map((partition) => [partition, start])));
  const found: Sent[] = [];
  for (let at = start; at < end; ) {
    const { blocks, readTo } = await reader.read(2000);
    found.push(
      ...blocks.map((block) => ({ sequence: sequenceOf(block.bytes), offset: block.offset })),
    );
    at = readTo(0);
  }
  reader.close();
  await journal.writer.close();
  return found;
}
