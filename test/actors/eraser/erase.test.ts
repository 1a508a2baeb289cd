import { readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { type EraserTools, eraseFromLogAndState } from '../../../actors/eraser/erase.ts';
import { hourOf } from '../../../actors/partition/ledger.ts';
import { Block } from '../../../src/model/block.ts';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { type Erasure, newErasure } from '../../../src/model/erasure.ts';
import { isFault } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import { nodeDisk } from '../../../storage/log/disk.ts';
import type { Journal } from '../../../storage/log/journal.ts';
import { logEnd, wakeReaders } from '../../../storage/log/log-shared.ts';
import { decodeErasure, erasureKey } from '../../../storage/state/erasure-rows.ts';
import { deadLetterKey, erasedKey, seriesKey, verdictKey } from '../../../storage/state/keys.ts';
import {
  decodeCount,
  decodeDeadLetter,
  decodeVerdict,
  encodeDeadLetter,
  encodeVerdict,
} from '../../../storage/state/rows.ts';
import { type BlockPlace, eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { Crash, MemoryStore } from '../../simulation/memory-store.ts';
import { journalFiles, readUntil, scratchDir, scratchJournal } from '../../storage/log/scratch.ts';

const ARRIVAL_MS = 1_790_000_000_000;
const HOUR = hourOf(ARRIVAL_MS);

interface Site {
  readonly dir: string;
  readonly journal: Journal;
  readonly state: MemoryStore;
  readonly tools: EraserTools;
  readonly end: () => Offset;
  append(events: readonly PlainEvent[], place?: Partial<BlockPlace>): Promise<Offset>;
}

/** Everything is committed, unless a test says otherwise. */
async function site(t: ExecutionContext, fileBytes = 4096): Promise<Site> {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, fileBytes });
  const state = new MemoryStore();
  let sequence = 0;
  const end = () => logEnd(shared, 0) ?? offset(0);
  return {
    dir,
    journal,
    state,
    end,
    tools: {
      state,
      journal: {
        journalDir: dir,
        disk: nodeDisk,
        files: journal.writer,
        wakeReaders: () => wakeReaders(shared),
      },
      partitions: 2,
      committed: () => Number.POSITIVE_INFINITY,
      sleep: async () => undefined,
      signal: new AbortController().signal,
      pushOut: () => state.commit([]),
    },
    async append(events, place = {}) {
      const block = eventBlock(events, { arrivalMs: ARRIVAL_MS, sequence: sequence++, ...place });
      const [at] = await journal.writer.append([block.bytes]);
      return at as Offset;
    },
  };
}

const asked = (before: number, more: Partial<Erasure> = {}): Erasure =>
  newErasure({ id: '1', tenant: 'default', field: 'user', requestedMs: 0, before, ...more });

const view = (user: string): PlainEvent => ({ type: 'view', user, mail: `${user}@example.com` });

async function bytesOf({ dir }: Site): Promise<string> {
  const files = await Promise.all((await journalFiles(dir)).map((path) => readFile(path)));
  return Buffer.concat(files).toString('latin1');
}

async function erasedRows({ journal, end }: Site, at: Offset, partition = 0): Promise<number[]> {
  const reader = journal.openReader(new Map([[partition, at]]));
  const [found] = await readUntil(reader, partition, end());
  reader.close();
  return [...(new Block(found?.bytes as Uint8Array).erasedRows() ?? [])];
}

async function erasedCount({ state }: Site, partition = 0, stream = 'events'): Promise<number> {
  const key = erasedKey({ partition, tenant: 'default', arrivalHourMs: HOUR, stream });
  const [row] = await state.getMany([key]);
  return row === undefined ? 0 : decodeCount(row);
}

test('events are erased up to the end of the log at the request, in all partitions and streams', async (t) => {
  const here = await site(t);
  const first = await here.append([view('ann'), view('bob'), view('ann')]);
  const other = await here.append([view('ann')], { partition: 1, stream: 'web' });
  await here.append([view('bob')]);
  const before = here.end();
  const later = await here.append([view('ann')]);
  const done = await eraseFromLogAndState(here.tools, asked(before), 'ann', []);
  t.is(done.state, 'archive');
  t.like(done.log, { files: 1, blocks: 2, rows: 3, unreadable: 0 });
  t.deepEqual(await erasedRows(here, first), [1, 0, 1]);
  t.deepEqual(await erasedRows(here, other, 1), [1]);
  t.deepEqual(await erasedRows(here, later), []);
  t.is((await bytesOf(here)).split('ann@').length, 2, 'that which came later');
  t.is((await bytesOf(here)).split('bob@').length, 3);
  t.is(await erasedCount(here), 2);
  t.is(await erasedCount(here, 1, 'web'), 1);
});

test('of one stream alone, and never of another tenant', async (t) => {
  const here = await site(t);
  const web = await here.append([view('ann')], { stream: 'web' });
  const events = await here.append([view('ann')]);
  const foreign = await here.append([view('ann')], { stream: 'web', tenant: 'acme' });
  const done = await eraseFromLogAndState(
    here.tools,
    asked(here.end(), { stream: 'web' }),
    'ann',
    [],
  );
  t.is(done.log.rows, 1);
  t.deepEqual(await erasedRows(here, web), [1]);
  t.deepEqual(await erasedRows(here, events), []);
  t.deepEqual(await erasedRows(here, foreign), []);
});

test('a duplicate is erased and was never counted', async (t) => {
  const here = await site(t);
  const at = await here.append([view('ann'), view('bob'), view('ann')]);
  const duplicate = encodeVerdict(Uint8Array.from([1, 1, 0]), 3);
  await here.state.commit([{ key: verdictKey(0, at), value: duplicate }]);
  const done = await eraseFromLogAndState(here.tools, asked(here.end()), 'ann', []);
  t.is(done.log.rows, 1);
  t.is(await erasedCount(here), 1);
  const [stored] = await here.state.getMany([verdictKey(0, at)]);
  const verdict = decodeVerdict(stored as Uint8Array);
  t.deepEqual([0, 1, 2].map(verdict.isDropped), [true, false, true]);
});

test('a block is touched only when its partition has committed it', async (t) => {
  const here = await site(t);
  const at = await here.append([view('ann')]);
  let committed: number = at;
  let looks = 0;
  const tools = {
    ...here.tools,
    committed: () => committed,
    sleep: async () => {
      t.true((await bytesOf(here)).includes('ann'));
      looks += 1;
      if (looks === 3) committed = here.end();
    },
  };
  await eraseFromLogAndState(tools, asked(here.end()), 'ann', []);
  t.is(looks, 3);
  t.false((await bytesOf(here)).includes('ann'));
});

test('who waits for a partition that has failed is told', async (t) => {
  const here = await site(t);
  await here.append([view('ann')]);
  const tools = { ...here.tools, committed: () => 0 };
  await t.throwsAsync(eraseFromLogAndState(tools, asked(here.end()), 'ann', []), {
    message: /partition 0 has committed the log up to 0, what is to be erased lies at 0/,
  });
  t.true((await bytesOf(here)).includes('ann'));
  await eraseFromLogAndState(here.tools, asked(here.end()), 'ann', []);
  t.false((await bytesOf(here)).includes('ann'));
});

test('a server that stops does not wait for a partition that has failed', async (t) => {
  const here = await site(t);
  await here.append([view('ann')]);
  const stopping = new AbortController();
  const tools = {
    ...here.tools,
    committed: () => 0,
    sleep: async () => stopping.abort(),
    signal: stopping.signal,
  };
  const error = await t.throwsAsync(eraseFromLogAndState(tools, asked(here.end()), 'ann', []));
  t.true(isFault(error, 'actor_stopped'));
});

test('after a crash at any write it goes on, and comes to the same sums', async (t) => {
  for (let writes = 0; ; writes++) {
    const here = await site(t, 1024);
    for (let i = 0; i < 6; i++) await here.append([view('ann'), view('bob')]);
    const letter = {
      stream: 'events',
      arrivalMs: ARRIVAL_MS,
      line: 0,
      code: 'bad_ts',
      message: 'a time was expected',
      raw: Buffer.from('{"user":"ann"}'),
    };
    const key = deadLetterKey({ partition: 1, tenant: 'default', offset: 0, row: 0 });
    await here.state.commit([{ key, value: encodeDeadLetter(letter) }]);
    const request = asked(here.end());
    here.state.crashAfter(writes);
    let hasCrashed = false;
    try {
      await eraseFromLogAndState(here.tools, request, 'ann', []);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      hasCrashed = true;
      here.state.crashAfter(Number.POSITIVE_INFINITY);
      const resumed = await storedOf(here, request);
      await eraseFromLogAndState(here.tools, resumed, 'ann', []);
    }
    const done = await storedOf(here, request);
    t.like(done, { state: 'archive', deadLetters: 1 });
    t.is(done.log.counted.length, 1);
    t.like(done.log, { blocks: 6, rows: 6 }, `crash after ${writes} writes`);
    t.is(await erasedCount(here), 6);
    t.false((await bytesOf(here)).includes('ann'));
    if (!hasCrashed) break;
  }
});

test('what was counted stays counted when the log deletes the file before it is written anew', async (t) => {
  const here = await site(t);
  await here.append([view('ann'), view('bob')]);
  const request = asked(here.end());
  const disk = {
    ...nodeDisk,
    open: async (path: string, flags: string) => {
      if (flags === 'w') await here.journal.writer.deleteBefore(offset(Number.MAX_SAFE_INTEGER));
      return nodeDisk.open(path, flags);
    },
  };
  const journal = here.tools.journal && { ...here.tools.journal, disk };
  const done = await eraseFromLogAndState({ ...here.tools, journal }, request, 'ann', []);
  t.like(done.log, { rows: 1, counted: [[0, here.end()]] });
  t.deepEqual((await storedOf(here, request)).log, done.log);
  t.is(await erasedCount(here), 1);
});

async function storedOf({ state }: Site, request: Erasure): Promise<Erasure> {
  const [row] = await state.getMany([erasureKey(request.tenant, request.id)]);
  return row === undefined ? request : decodeErasure(row);
}

test('dead letters keep their code, and lose what was sent', async (t) => {
  const here = await site(t);
  await here.append(
    [
      { code: 'bad_ts', message: 'm', raw: '{"user":"ann"}' },
      { code: 'bad_id', message: 'm', raw: '{"user":"annette"}' },
    ],
    { kind: BLOCK_KIND.deadLetters, rejected: 2 },
  );
  const letterAt = (row: number) =>
    deadLetterKey({ partition: 0, tenant: 'default', offset: 0, row });
  const letter = (raw: string) => ({
    stream: 'events',
    arrivalMs: ARRIVAL_MS,
    line: 3,
    code: 'bad_ts',
    message: 'm',
    raw: Buffer.from(raw),
  });
  await here.state.commit([
    { key: letterAt(0), value: encodeDeadLetter(letter('{"user":"ann"}')) },
    { key: letterAt(1), value: encodeDeadLetter(letter('{"user":"annette"}')) },
  ]);
  const done = await eraseFromLogAndState(here.tools, asked(here.end()), 'ann', []);
  t.is(done.deadLetters, 1);
  const [first, second] = await here.state.getMany([letterAt(0), letterAt(1)]);
  t.like(decodeDeadLetter(first as Uint8Array), { code: 'bad_ts', line: 3, raw: Buffer.alloc(0) });
  t.is(Buffer.from(decodeDeadLetter(second as Uint8Array).raw).toString(), '{"user":"annette"}');
  t.false((await bytesOf(here)).includes('"ann"'));
  t.true((await bytesOf(here)).includes('"annette"'));
});

test('rollups that have the value for a label are named', async (t) => {
  const here = await site(t);
  const rollup = (name: string, dimensions: readonly string[], stream = 'events') => ({
    name,
    stream,
    dimensions,
    filter: [],
    measures: [{ op: 'count' as const }],
    resolutions: [],
    latenessMs: 0,
    seriesMax: 10,
  });
  const labels = (name: string, values: readonly string[]) => ({
    key: seriesKey(1, 'default', name, 7),
    value: Buffer.from(JSON.stringify(values)),
  });
  await here.state.commit([
    labels('by-user', ['view', 'ann']),
    labels('by-type', ['ann']),
    labels('web-by-user', ['ann']),
  ]);
  const rollups = [
    rollup('by-user', ['type', 'user']),
    rollup('by-type', ['type']),
    rollup('others', ['user']),
    rollup('web-by-user', ['user'], 'web'),
  ];
  const done = await eraseFromLogAndState(
    here.tools,
    asked(0, { stream: 'events' }),
    'ann',
    rollups,
  );
  t.deepEqual(done.labels, ['by-user']);
});

test('in a topic nothing is erased; of each partition the letters before its own place lose what was sent', async (t) => {
  const here = await site(t);
  const place = (partition: number, position: number) =>
    deadLetterKey({ partition, tenant: 'default', offset: position, row: 0 });
  const letter = encodeDeadLetter({
    ...{ stream: 'events', arrivalMs: ARRIVAL_MS, line: 0, code: 'bad_ts', message: 'm' },
    raw: Buffer.from('{"user":"ann"}'),
  });
  const keys = [place(0, 4), place(0, 5), place(1, 700), place(1, 800)];
  await here.state.commit(keys.map((key) => ({ key, value: letter })));
  const looks: number[] = [];
  const tools = {
    ...here.tools,
    journal: undefined,
    committed: (partition: number) => (looks.push(partition) > 3 ? [5, 800][partition] : 0) ?? 0,
  };
  const done = await eraseFromLogAndState(tools, { ...asked(0), before: [5, 800] }, 'ann', []);
  t.like(done, { state: 'archive', deadLetters: 2, log: { rows: 0, counted: [] } });
  const kept = (await here.state.getMany(keys)).map((row) => {
    return decodeDeadLetter(row as Uint8Array).raw.length > 0;
  });
  t.deepEqual(kept, [false, true, false, true]);
  t.deepEqual(looks, [0, 0, 0, 0, 1], 'first all that lies before is committed');
});
