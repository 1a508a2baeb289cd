import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import {
  bindLog,
  LOG_ORIGIN_FILE,
  readLogOrigin,
  removeLogOrigin,
  writeLogOrigin,
} from '../../../storage/log/log-origin.ts';

const TOPIC = { type: 'kafka', topic: 'events', id: 'cluster/one' } as const;
const JOURNAL = { type: 'journal' } as const;
const MOVE = { phase: 'copying', journal: 'ab', from: [0, 8], archived: null } as const;

test('a new folder belongs to the topic that it is started with, from its first offset on', async (t) => {
  const dir = folder(t);
  t.is(await bindLog(dir, { ...TOPIC, id: undefined }), undefined, 'nobody knows the topic yet');
  t.deepEqual(await bindLog(dir, TOPIC), { id: 'cluster/one', topic: 'events', offsetBase: 0 });
  t.is((await bindLog(dir, { ...TOPIC, id: undefined }))?.id, 'cluster/one', 'remembered');
  await t.throwsAsync(bindLog(dir, { ...TOPIC, id: 'cluster/two' }), {
    code: 'config_invalid',
    message:
      /belongs to the topic events with the id cluster\/one, and events has the id cluster\/two/,
  });
  await t.throwsAsync(bindLog(dir, JOURNAL), { message: /belongs to the topic events/ });
});

test('a folder with a journal is moved, and not opened with a topic', async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'journal'));
  writeFileSync(join(dir, 'journal/0000000000000000.journal'), '');
  t.is(await bindLog(dir, JOURNAL), undefined);
  await t.throwsAsync(bindLog(dir, TOPIC), {
    code: 'config_invalid',
    message: /has a journal of its own.*streamgauge log move/,
  });
  t.is(await readLogOrigin(dir), undefined);
});

test('a folder whose move is not finished is opened with neither', async (t) => {
  const dir = folder(t);
  const moving = { id: 'cluster/one', topic: 'events', offsetBase: 4_096, move: MOVE };
  await writeLogOrigin(dir, { ...moving, move: { ...MOVE, from: [0, 8] } });
  for (const wanted of [TOPIC, JOURNAL]) {
    await t.throwsAsync(bindLog(dir, wanted), { message: /run "streamgauge log move" again/ });
  }
  const { move: _, ...moved } = moving;
  await writeLogOrigin(dir, moved);
  t.deepEqual(await bindLog(dir, TOPIC), { id: 'cluster/one', topic: 'events', offsetBase: 4_096 });
  await removeLogOrigin(dir);
  t.is(await bindLog(dir, JOURNAL), undefined);
});

test('a file that says something else is told, and not taken for a new folder', async (t) => {
  const dir = folder(t);
  for (const text of ['', '{}', '{"format":2,"id":"a","topic":"b","offsetBase":0}']) {
    writeFileSync(join(dir, LOG_ORIGIN_FILE), text);
    await t.throwsAsync(bindLog(dir, TOPIC), { code: 'state_corrupt' });
  }
});

function folder(t: ExecutionContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'log-origin-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}
