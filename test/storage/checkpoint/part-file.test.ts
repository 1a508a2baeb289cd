import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { CheckpointPart } from '../../../storage/checkpoint/checkpoint-set.ts';
import { readPartFile, writePartFile } from '../../../storage/checkpoint/part-file.ts';
import type { StateRow } from '../../../storage/state/state.ts';
import { folderOf, text } from './scene.ts';

const PAGES: readonly StateRow[][] = [1, 2, 300].map((rows, page) =>
  Array.from({ length: rows }, (_, n) => ({
    key: text(`row ${page} ${n}`),
    value: text(`value ${n} `.repeat(n * 10)),
  })),
);

async function* pages(): AsyncGenerator<StateRow[]> {
  yield* PAGES;
}

const asPart = (written: { rows: number; bytes: number; sha256: string }): CheckpointPart => ({
  ...{ part: 0, life: 1, number: 1, position: 0, takenMs: 0 },
  ...written,
});

test('a part of many frames is read as it was written, and the pace hears of every byte before', async (t) => {
  const path = join(await folderOf(t), 'part');
  let paced = 0;
  const written = await writePartFile(path, pages(), async (bytes) => {
    paced += bytes;
  });
  t.is(written.rows, 303);
  t.true(written.bytes < paced / 4);
  const found = [];
  for await (const rows of readPartFile(path, asPart(written))) found.push(rows);
  const texts = (all: readonly (readonly StateRow[])[]) =>
    all.map((rows) => rows.map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`));
  t.deepEqual(texts(found), texts(PAGES));
});

test('one that is not as it was written gives no row at all', async (t) => {
  const path = join(await folderOf(t), 'part');
  const written = await writePartFile(path, pages(), async () => undefined);
  const file = await open(path, 'r+');
  await file.write(Buffer.of(9), 0, 1, written.bytes - 20);
  await file.close();
  const read = async () => {
    for await (const rows of readPartFile(path, asPart(written))) t.fail(`${rows.length} rows`);
  };
  await t.throwsAsync(read, { code: 'checkpoint_corrupt', message: /SHA-256/ });
  await writeFile(path, 'short');
  await t.throwsAsync(read, { code: 'checkpoint_corrupt', message: /it has 5/ });
});
