/** Sessions in a partition's machine: counted by rollups, through crashes, and when definitions change. */
import test from 'ava';
import { loadRollups, loadSessions } from '../../../actors/partition/snapshot.ts';
import { BlockColumns } from '../../../src/aggregate/block-columns.ts';
import { StepAccumulator } from '../../../src/aggregate/merge.ts';
import { packControl, packHeartbeat } from '../../../src/model/block.ts';
import type { RollupDefinition } from '../../../src/model/rollup.ts';
import {
  countedWithinMs,
  type SessionDefinition,
  sessionStream,
} from '../../../src/model/session.ts';
import { offset } from '../../../src/model/units.ts';
import {
  parseRollupRowKey,
  parseSessionKey,
  ROW_KIND,
  rollupRange,
  seriesRange,
  sessionKey,
  sessionRange,
} from '../../../storage/state/keys.ts';
import { decodeSeriesLabels } from '../../../storage/state/rows.ts';
import { scan } from '../../../storage/state/state.ts';
import { eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { Random } from '../../simulation/random.ts';
import { NO_FAULTS, PartitionRun } from '../../simulation/run-partition.ts';
import type { Step } from '../../simulation/workload.ts';

const OPTIONS = {
  partition: 0,
  dedup: { idsMax: 1e6, bytesMax: 1e9, offsetsMax: 1e9 },
  dedupSeed: [1, 2] as const,
  deadLettersMax: 10,
  columns: new BlockColumns(),
};
const START_MS = 1_790_000_000_000;
const TENANT = 'default';

const VISITS: SessionDefinition = {
  name: 'visits',
  stream: 'events',
  user: 'user',
  filter: [],
  gapMs: 30_000,
  latenessMs: 10_000,
  entry: 'page',
  exit: 'page',
  dimensions: ['country'],
  openMax: 1_000,
};
const BY_COUNTRY: RollupDefinition = {
  name: 'by_country',
  stream: sessionStream(VISITS.name),
  filter: [],
  dimensions: ['country', 'closed'],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'events' },
    { op: 'sum', field: 'duration_ms' },
    { op: 'sum', field: 'bounce' },
    { op: 'top', field: 'entry', capacity: 10 },
  ],
  resolutions: [{ stepMs: 1_000, retentionMs: 86_400_000 }],
  latenessMs: countedWithinMs(VISITS),
  seriesMax: 100,
};

/** The log of a partition, block by block. */
class Log {
  readonly steps: Step[] = [];
  #version = 0;

  events(nowMs: number, events: readonly PlainEvent[]): this {
    const { bytes } = eventBlock(events, { arrivalMs: nowMs, sequence: this.steps.length + 1 });
    const said = { kind: 'events', tenant: TENANT, stream: 'events', rows: events } as const;
    this.steps.push({ ...this.#place(bytes), nowMs, ...said, isResent: false });
    return this;
  }

  heartbeat(nowMs: number): this {
    const bytes = packHeartbeat(this.#header(nowMs));
    this.steps.push({ ...this.#place(bytes), nowMs, kind: 'heartbeat' });
    return this;
  }

  define(
    nowMs: number,
    sessions: readonly SessionDefinition[],
    rollups: readonly RollupDefinition[] = [BY_COUNTRY],
  ): this {
    const control = { type: 'setRollups', version: ++this.#version, rollups, sessions } as const;
    const bytes = packControl(this.#header(nowMs), control);
    this.steps.push({ ...this.#place(bytes), nowMs, kind: 'control', control });
    return this;
  }

  #header(arrivalMs: number) {
    return {
      partition: 0,
      arrivalMs,
      producerId: 1,
      producerEpoch: 1,
      sequence: this.steps.length + 1,
    };
  }

  #place(bytes: Uint8Array) {
    const at = this.steps.length * 1_000;
    return { logged: { partition: 0, offset: offset(at), nextOffset: offset(at + 1_000), bytes } };
  }
}

const CALM = new Random(1);

async function run(log: Log, random = CALM, faults = NO_FAULTS): Promise<PartitionRun> {
  const partition = new PartitionRun(OPTIONS, log.steps, random, faults);
  await partition.finish();
  return partition;
}

/** Of all that is stored: sessions, and what they sum up to. `restated`: some came after their bucket had closed. */
async function counted({ store }: PartitionRun, rollup = BY_COUNTRY) {
  const accumulator = new StepAccumulator(rollup);
  const bucketsMs: number[] = [];
  for await (const { key, value } of scan(store, rollupRange(0, TENANT, rollup.name))) {
    const { group, bucketMs } = parseRollupRowKey(key);
    accumulator.add(group, value, ONE_SERIES);
    if (group === 0) bucketsMs.push(bucketMs - START_MS);
  }
  const sum = (field: string) =>
    accumulator.answer(0, { measure: { op: 'sum', field } }).value ?? 0;
  const { value: sessions } = accumulator.answer(0, { measure: { op: 'count' } });
  return {
    sessions: sessions ?? 0,
    events: sum('events'),
    durationMs: sum('duration_ms'),
    bounces: sum('bounce'),
    bucketsMs,
    restated: accumulator.restated > 0,
  };
}

const ONE_SERIES = new Int32Array(BY_COUNTRY.seriesMax + 2);

async function labels({ store }: PartitionRun): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { value } of scan(store, seriesRange(0, TENANT, BY_COUNTRY.name))) {
    found.push(decodeSeriesLabels(value));
  }
  return found;
}

async function openUsers({ store }: PartitionRun): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of scan(store, sessionRange(0, TENANT, VISITS.name))) {
    found.push(parseSessionKey(key).user);
  }
  return found;
}

const at = (user: string, s: number, more: PlainEvent = {}): PlainEvent => {
  return { type: 'view', user, ts: START_MS + s * 1_000, ...more };
};

test('a session is counted once it has ended, at the time of its last event', async (t) => {
  const log = new Log().define(START_MS, [VISITS]);
  log.events(START_MS + 20_000, [
    at('ann', 0, { page: '/', country: 'at' }),
    at('ann', 20, { page: '/buy', country: 'de' }),
    at('bob', 5),
  ]);
  const open = await run(log.heartbeat(START_MS + 45_000));
  t.deepEqual(await openUsers(open), ['ann', 'bob']);
  t.is((await counted(open)).sessions, 0);
  t.true(open.machine.wantsHeartbeatAt(open.machine.position));

  const ended = await run(log.heartbeat(START_MS + 60_001));
  t.deepEqual(await openUsers(ended), []);
  t.deepEqual(await counted(ended), {
    sessions: 2,
    events: 3,
    durationMs: 20_000,
    bounces: 1,
    bucketsMs: [5_000, 20_000],
    restated: false,
  });
  t.deepEqual(await labels(ended), [
    [null, 'gap'],
    ['at', 'gap'],
  ]);
});

test('other streams, duplicates and events of before the definition are in no session', async (t) => {
  const twice = at('ann', 1, { id: 'a' });
  const log = new Log().define(START_MS, [], []).events(START_MS, [at('early', 0)]);
  log.define(START_MS, [VISITS]).events(START_MS + 1_000, [twice, twice]);
  const ended = await run(log.heartbeat(START_MS + 60_000));
  t.like(await counted(ended), { sessions: 1, events: 1 });
});

test('sessions whose definition changes or goes are closed, and counted as closed early', async (t) => {
  for (const after of [[{ ...VISITS, gapMs: 60_000 }], []]) {
    const log = new Log().define(START_MS, [VISITS]).events(START_MS, [at('ann', 0)]);
    const changed = await run(log.define(START_MS + 1_000, after));
    t.deepEqual(await openUsers(changed), []);
    t.deepEqual(await labels(changed), [[null, 'early']]);
    t.is((await counted(changed)).sessions, 1);
  }
  const log = new Log().define(START_MS, [VISITS]).events(START_MS, [at('ann', 0)]);
  t.deepEqual(await openUsers(await run(log.define(START_MS + 1_000, [VISITS]))), ['ann']);
});

/** Users with pauses around the gap, events up to the lateness late, now and then another definition. */
function wildLog(random: Random): Log {
  const log = new Log().define(START_MS, [VISITS]);
  let nowMs = START_MS;
  for (let block = 0; block < 60; block++) {
    nowMs += random.int(0, random.chance(0.1) ? 60_000 : 4_000);
    if (random.chance(0.2)) log.heartbeat(nowMs);
    if (random.chance(0.05)) {
      const gapMs = random.pick([20_000, 30_000]);
      const changed = { ...VISITS, gapMs };
      const rollup = { ...BY_COUNTRY, latenessMs: countedWithinMs(changed) };
      log.define(nowMs, [changed], [rollup]);
    }
    const events = Array.from({ length: random.int(1, 8) }, () => {
      const s = (nowMs - START_MS) / 1_000 - random.int(0, 14);
      const country = random.pick(['at', 'de', null]);
      return at(`u${random.int(0, 9)}`, s, { country, page: `/${random.int(0, 3)}` });
    });
    log.events(nowMs, events);
  }
  return log.heartbeat(nowMs + 60_000).heartbeat(nowMs + 120_000);
}

test('a partition that crashes its way through the log has the same sessions and rows as one that does not', async (t) => {
  const faults = { crash: 0.06, crashInCommit: 0.3, crashesMax: 20, powerCut: 0.5 };
  let crashes = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const log = wildLog(new Random(seed));
    // Also in the middle, where sessions are open.
    for (const length of [30, log.steps.length]) {
      const part = Object.assign(new Log(), { steps: log.steps.slice(0, length) });
      const calm = await run(part, new Random(seed));
      const crashing = await run(part, new Random(seed + 1_000), faults);
      crashes += crashing.crashes;
      t.deepEqual(storedIn(crashing), storedIn(calm), `seed ${seed}`);
      t.is(crashing.machine.openSessions, calm.machine.openSessions);
    }
    const ended = await run(log);
    t.is(ended.machine.openSessions, 0);
    t.false((await counted(ended)).restated, `seed ${seed}: no session comes late for its bucket`);
  }
  t.true(crashes > 50, `${crashes} crashes`);
});

const storedIn = ({ store }: PartitionRun): [string, unknown][] =>
  [...store.dump()].filter(([key]) => KINDS.includes(kindOf(Buffer.from(key, 'hex'))));

const KINDS: readonly (number | undefined)[] = [ROW_KIND.session, ROW_KIND.rollup, ROW_KIND.series];
const kindOf = (key: Uint8Array): number | undefined => key[key.indexOf(0, 2) + 1];

test('sessions that somebody else deletes while the partition stands still are gone from it', async (t) => {
  const log = new Log().define(START_MS, [VISITS]).events(START_MS, [at('ann', 0), at('bob', 0)]);
  const { store, machine } = await run(log);
  await store.commit([
    { key: sessionKey(0, { tenant: TENANT, name: VISITS.name, user: 'ann' }), value: undefined },
  ]);
  const { definitions, watermarkMs } = machine;
  const rollups = await loadRollups(store, 0, definitions, watermarkMs);
  machine.reload(rollups, definitions, await loadSessions(store, 0, definitions));
  t.is(machine.openSessions, 1);
});
