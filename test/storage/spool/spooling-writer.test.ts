import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import { eventsLeft, holdsEvents, writeNote } from '../../../storage/spool/spool-note.ts';
import { testBlock } from '../log/blocks.ts';
import { journalFiles, scratchDir } from '../log/scratch.ts';
import { startLife, TIMES, Topic, until } from './spooling-scene.ts';

const block = (sequence: number, bodyBytes = 100) =>
  testBlock({ sequence, producerEpoch: 1, rows: 10, bodyBytes });
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test('while the log is well appends are answered with their offsets, and the spool stays empty', async (t) => {
  const topic = new Topic();
  const { writer, view } = await startLife(t, topic, await scratchDir(t));
  const answers = await Promise.all(upTo(20).map((sequence) => writer.append([block(sequence)])));
  t.deepEqual(answers.flat(), [...Array(20).keys()]);
  t.deepEqual(topic.sequences, upTo(20));
  t.false(topic.hasOverlapped);
  t.true(topic.appends < 20, 'what waits goes together');
  t.like(view(), { spooling: undefined, switches: 0, waiting: { blocks: 0, events: 0, bytes: 0 } });
});

test('what waits when the log goes away, and what comes then, is spooled, and in the log in its order when that is back', async (t) => {
  const topic = new Topic();
  const dir = await scratchDir(t);
  const { writer, view, lines } = await startLife(t, topic, dir);
  await writer.append([block(1)]);
  topic.mood = 'away';
  const waiting = upTo(5).map((i) => writer.append([block(i + 1)]));
  t.deepEqual(await Promise.all(waiting), Array(5).fill('spooled'));
  t.is(await writer.append([block(7)]), 'spooled');
  t.like(view(), {
    spooling: { reason: 'refused' },
    switches: 1,
    waiting: { blocks: 6, events: 60 },
  });
  t.is(writer.refusal, undefined);
  t.deepEqual(topic.sequences, [1]);
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences, upTo(7));
  t.deepEqual(await writer.append([block(8)]), [7], 'directly again');
  t.like(view(), {
    spooling: undefined,
    waiting: { blocks: 0, bytes: 0 },
    spooled: { blocks: 6, events: 60 },
    drained: { blocks: 6, events: 60 },
  });
  t.deepEqual(lines, [
    'events go to the spool on the local disk',
    'the spool is empty: events go to the log again',
  ]);
  await writer.close();
  const [file, ...more] = await journalFiles(dir);
  t.deepEqual(more, []);
  t.is((await stat(file ?? '')).size, 64, 'a header is left');
});

test('appends go on without a gap while the log comes back', async (t) => {
  const topic = new Topic();
  topic.mood = 'away';
  const { writer } = await startLife(t, topic, await scratchDir(t));
  t.like(writer.spooling, { reason: 'unreached' });
  let sequence = 0;
  const spooled: unknown[] = [];
  while (writer.spooling !== undefined || sequence < 200) {
    sequence += 1;
    if (sequence === 100) topic.mood = 'fine';
    spooled.push(await writer.append([block(sequence, 20_000)]));
  }
  const answers = await Promise.all(upTo(20).map((i) => writer.append([block(sequence + i)])));
  t.deepEqual(
    answers.flat(),
    upTo(20).map((i) => sequence + i - 1),
  );
  t.deepEqual(topic.sequences, upTo(sequence + 20));
  t.is(spooled[0], 'spooled');
});

test('a log that is slow is left once and not joined again until it is well', async (t) => {
  const topic = new Topic();
  const { writer, view } = await startLife(t, topic, await scratchDir(t));
  topic.mood = 'slow';
  topic.slowMs = 2 * TIMES.patienceMs;
  t.is(await writer.append([block(1)]), 'spooled');
  t.like(writer.spooling, { reason: 'slow' });
  for (let sequence = 2; topic.appends < 4; sequence++) await writer.append([block(sequence)]);
  t.is(view()?.switches, 1);
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.is(view()?.switches, 1);
  t.deepEqual(
    topic.sequences,
    upTo(topic.sequences.length),
    'what was taken late was not sent again',
  );
});

test('what the log may have taken is sent again with the same numbers', async (t) => {
  const topic = new Topic();
  const { writer } = await startLife(t, topic, await scratchDir(t));
  topic.mood = 'doubtful';
  topic.random = () => 0.9;
  t.is(await writer.append([block(1), block(2)]), 'spooled');
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences.slice(-2), [1, 2]);
  t.true(topic.sequences.length > 2);
});

test('more than may wait for the log goes to the spool', async (t) => {
  const topic = new Topic();
  const { writer, view } = await startLife(t, topic, await scratchDir(t), {
    pendingBytesMax: 4_000,
    times: { ...TIMES, patienceMs: 60_000 },
  });
  topic.mood = 'slow';
  topic.slowMs = 100;
  const answers = upTo(10).map((sequence) => writer.append([block(sequence, 1_000)]));
  t.deepEqual(await Promise.all(answers.slice(1)), Array(9).fill('spooled'));
  t.like(view(), { switches: 1, spooling: { reason: 'behind' } });
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences, upTo(10));
});

test('a full spool refuses, and takes again when it is drained', async (t) => {
  const topic = new Topic();
  topic.mood = 'away';
  const { writer, view } = await startLife(t, topic, await scratchDir(t), { bytesMax: 40_000 });
  let sequence = 0;
  while (writer.refusal === undefined && sequence < 100) {
    sequence += 1;
    if (sequence < 36) t.is(await writer.append([block(sequence, 1_000)]), 'spooled');
    else await writer.append([block(sequence, 1_000)]).catch(() => undefined);
  }
  await t.throwsAsync(writer.append([block(1_000, 1_000)]), { code: 'log_full' });
  t.true((view()?.waiting.bytes ?? 0) > 36_000);
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences.slice(0, 35), upTo(35));
  t.deepEqual(await writer.append([block(2_000)]), [topic.sequences.length - 1]);
});

test('what is left in the spool is drained by the next start, before anything new', async (t) => {
  const topic = new Topic();
  topic.mood = 'away';
  const dir = await scratchDir(t);
  const first = await startLife(t, topic, dir);
  for (const sequence of upTo(3)) await first.writer.append([block(sequence)]);
  await first.writer.close();
  await t.throwsAsync(first.writer.append([block(9)]), { code: 'log_closed' });
  const { writer, view } = await startLife(t, topic, dir);
  t.like(view(), { spooling: { reason: 'left' }, waiting: { blocks: 3, events: 30 } });
  t.is(await writer.append([block(4)]), 'spooled');
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences, upTo(4));
});

test('a damaged part of the spool is passed over, counted and told', async (t) => {
  const topic = new Topic();
  topic.mood = 'away';
  const dir = await scratchDir(t);
  const first = await startLife(t, topic, dir);
  // Damage near the end would be a torn write, which nobody was promised.
  for (const sequence of upTo(3)) await first.writer.append([block(sequence)]);
  const big = testBlock({ partition: 1, sequence: 1, producerEpoch: 1, bodyBytes: 15 << 20 });
  for (let i = 0; i < 2; i++) await first.writer.append([big]).catch(() => undefined);
  await first.writer.close();
  const [path = ''] = await journalFiles(dir);
  const bytes = await readFile(path);
  const length = block(1).length;
  bytes[64 + length + 100] = 0xee;
  await writeFile(path, bytes);
  const { writer, view, lines } = await startLife(t, topic, dir, { bytesMax: 1 << 26 });
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences, [1, 3]);
  t.is(view()?.lostBytes, length);
  t.true(lines.some((line) => line.startsWith('a part of the spool is damaged')));
  await writer.close();
  t.deepEqual((await readdir(dir)).filter((name) => name.endsWith('.journal')).length, 1);
});

test('a log that will not do as it is ends the start, and the spool is free for another', async (t) => {
  const dir = await scratchDir(t);
  const connect = async () => {
    throw new AppError('config_invalid', 'the topic has other partitions');
  };
  await t.throwsAsync(startLife(t, new Topic(), dir, { connect }), { code: 'config_invalid' });
  const { writer } = await startLife(t, new Topic(), dir);
  t.deepEqual(await writer.append([block(1)]), [0]);
});

test('a log that is reached late and will not do is told, and events are still taken', async (t) => {
  let tries = 0;
  const connect = async () => {
    tries += 1;
    throw tries < 200
      ? new AppError('log_away', 'the brokers are gone')
      : new AppError('config_invalid', 'the topic is another one');
  };
  const { writer, failures } = await startLife(t, new Topic(), await scratchDir(t), { connect });
  t.like(writer.spooling, { reason: 'unreached' });
  await until(() => failures.length > 0);
  t.like(failures, [{ code: 'config_invalid' }]);
  t.is(await writer.append([block(1)]), 'spooled');
});

test('nothing is taken for a log that is gone, and what was spooled before stays', async (t) => {
  const topic = new Topic();
  const dir = await scratchDir(t);
  const { writer, view } = await startLife(t, topic, dir);
  await writer.append([block(1)]);
  topic.mood = 'gone';
  await t.throwsAsync(writer.append([block(2)]), { code: 'log_gone' });
  t.is(writer.refusal, 'log_gone');
  t.is(writer.spooling, undefined);

  topic.mood = 'away';
  t.is(await writer.append([block(3)]), 'spooled');
  topic.mood = 'gone';
  await t.throwsAsync(writer.append([block(4)]), { code: 'log_gone' });
  t.is(writer.refusal, 'log_gone');
  t.like(view(), { waiting: { blocks: 1, events: 10 } });
  t.is(await eventsLeft(dir), 10);

  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences, [1, 3], 'it was there after all');
  t.is(await eventsLeft(dir), undefined);
});

test('a log that is found to be gone by whoever opens it takes nothing either', async (t) => {
  const topic = new Topic();
  topic.mood = 'away';
  const { writer, failures, lines } = await startLife(t, topic, await scratchDir(t));
  t.is(await writer.append([block(1)]), 'spooled');
  topic.mood = 'gone';
  await until(() => writer.refusal === 'log_gone');
  await t.throwsAsync(writer.append([block(2)]), { code: 'log_gone' });
  t.deepEqual(lines, [
    'the log is out of reach',
    'events go to the spool on the local disk',
    'the log is gone: nothing more is taken for it',
  ]);
  topic.mood = 'fine';
  await until(() => writer.spooling === undefined);
  t.deepEqual(topic.sequences, [1]);
  t.deepEqual(failures, []);
});

test('a note that says nothing sends all again, and one that is right nothing', async (t) => {
  const topic = new Topic();
  topic.mood = 'away';
  const dir = await scratchDir(t);
  t.false(await holdsEvents(join(dir, 'none')));
  const first = await startLife(t, topic, dir);
  for (const sequence of upTo(3)) await first.writer.append([block(sequence)]);
  await first.writer.close();
  t.true(await holdsEvents(dir));
  const end = (await stat((await journalFiles(dir))[0] ?? '')).size - 64;
  await writeNote(dir, offset(end));
  t.false(await holdsEvents(dir));
  await writeFile(join(dir, 'drained'), '');
  t.true(await holdsEvents(dir));
  topic.mood = 'fine';
  const second = await startLife(t, topic, dir);
  await until(() => second.writer.spooling === undefined);
  t.deepEqual(topic.sequences, upTo(3));
  await second.writer.close();
  t.false(await holdsEvents(dir));
});

test('a fault of an append that another try does not help against is its sender’s alone', async (t) => {
  const topic = new Topic();
  const { writer, inner } = await startLife(t, topic, await scratchDir(t));
  inner.cut();
  await t.throwsAsync(writer.append([block(1)]), { code: 'log_closed' });
  t.is(writer.spooling, undefined);
});
