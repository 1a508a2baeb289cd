import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packControl } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { packBlock } from '../../src/model/block-writer.ts';
import { BOOLEAN, COLUMN_KIND, ROLE } from '../../src/model/columns.ts';
import { openJournal } from '../../storage/log/journal.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';
import { runHeard } from './heard-terminal.ts';

const TYPES = new TextEncoder().encode('buylook');
const HEADER = {
  partition: 0,
  arrivalMs: 1_790_000_000_000,
  producerId: 1,
  producerEpoch: 2,
  sequence: 3,
};

const events = packBlock(
  {
    ...HEADER,
    ...{ kind: BLOCK_KIND.events, tenant: 'acme', stream: 'shop', received: 3, rejected: 1 },
  },
  [
    {
      ...{ kind: COLUMN_KIND.string, role: ROLE.type, name: 'type', codes: Uint32Array.of(1, 2) },
      entries: { count: 2, offsets: Uint32Array.of(0, 3, 7), bytes: TYPES },
    },
    {
      ...{ kind: COLUMN_KIND.number, role: ROLE.ts, name: 'ts' },
      values: Float64Array.of(1_790_000_000_000, 1_790_000_000_500),
    },
    {
      ...{ kind: COLUMN_KIND.number, role: ROLE.field, name: 'amount' },
      values: Float64Array.of(2.5, Number.NaN),
    },
    {
      ...{ kind: COLUMN_KIND.boolean, role: ROLE.field, name: 'vip' },
      values: Uint8Array.of(BOOLEAN.absent, BOOLEAN.true),
    },
  ],
  { count: 2, index: undefined },
);

/** Answers the offset of the control block; that of the events is 0. */
async function dataDir(t: ExecutionContext): Promise<{ dir: string; control: number }> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const journal = await openJournal({
    ...{ dir: join(dir, 'journal'), shared: createLogShared(1), diskReserveBytes: 0 },
  });
  const control = packControl({ ...HEADER, sequence: 4 }, { rollups: ['a'] });
  const [, at = 0] = await journal.writer.append([events, control]);
  await journal.writer.close();
  return { dir, control: at };
}

const inspect = (...args: string[]) => runHeard('log', 'inspect', ...args);

test('the log of a data folder is summed up for people and for programs', async (t) => {
  const { dir } = await dataDir(t);
  const people = await inspect('--data-dir', dir);
  t.is(people.exitCode, 0, people.err);
  t.regex(people.out, /1 files, 2 blocks, \d+ bytes, 3 rows/);
  t.regex(people.out, /acme +shop +1 +2 +\d+ +3 +1/);
  t.regex(people.out, /every checksum holds/);
  const programs = JSON.parse((await inspect('--data-dir', dir, '--json')).out);
  t.like(programs, { total: { blocks: 2, rows: 3 }, damageCount: 0 });
  t.like(programs.kinds, { events: { rows: 2 }, control: { rows: 1 } });
});

test('one block is shown with its header, its columns and its rows', async (t) => {
  const { dir, control } = await dataDir(t);
  const shown = JSON.parse((await inspect('--data-dir', dir, '--block', '0', '--json')).out);
  t.like(shown.header, { kind: 'events', tenant: 'acme', stream: 'shop', nextOffset: control });
  t.deepEqual(shown.rows, [
    { type: 'buy', ts: 1_790_000_000_000, amount: 2.5 },
    { type: 'look', ts: 1_790_000_000_500, vip: true },
  ]);
  const text = await inspect('--data-dir', dir, '--block', String(control));
  t.regex(text.out, /kind +control/);
  t.regex(text.out, /"rollups"/);
});

test('an offset inside of a block is answered with where it starts', async (t) => {
  const { dir } = await dataDir(t);
  const { exitCode, err } = await inspect('--data-dir', dir, '--block', '8');
  t.is(exitCode, 1);
  t.regex(err, /expected the offset of a block, received 8: it lies in the block that starts at 0/);
});

test('a folder that is none, and a number that is none, are told', async (t) => {
  const { exitCode, err } = await inspect('--data-dir', '/nowhere/at/all');
  t.is(exitCode, 1);
  t.regex(err, /there is no journal in \/nowhere\/at\/all\/journal: expected a data folder/);
  for (const wrong of ['-1', 'x', '1e3', '99999999999999999']) {
    t.is((await inspect('--from', wrong)).exitCode, 2, wrong);
  }
});

test('of a log that is a topic it is told that this is not the tool', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const config = join(dir, 'streamgauge.yaml');
  await writeFile(config, 'log: { type: kafka, kafka: { brokers: ["127.0.0.1:9"], topic: t } }\n');
  const { exitCode, err } = await inspect('--config', config);
  t.is(exitCode, 3);
  t.regex(err, /the log is the topic t .* Kafka's own tools/);
});
