import test, { type ExecutionContext } from 'ava';
import { RuleTracker } from '../../actors/alarm-board/rule-tracker.ts';
import { rollupsOf } from '../../src/alarm/compile.ts';
import { serverRules } from '../../src/alarm/server-rules.ts';
import { ServerSampler } from '../../src/alarm/server-samples.ts';
import type { AlarmTransition } from '../../src/model/alarm.ts';
import type { Partials } from '../../src/model/partials.ts';
import type {
  ArchiveReading,
  ServerReading,
  ServerThresholds,
} from '../../src/model/server-alarms.ts';
import { ServerPartials } from '../../src/query/server-partials.ts';

const THRESHOLDS: ServerThresholds = {
  tenant: 'ops',
  ingestLagMs: 30_000,
  rejectedShare: 0.1,
  logUsedShare: 0.8,
  diskFreeBytes: 1_000,
  commitMs: 1_000,
  restarts: 3,
  boardLagMs: 60_000,
  archiveLagMs: 30_000,
  hiveLagMs: 60_000,
  checkpointAgeMs: 60_000,
  sourceLagMs: 60_000,
};

const NO_EVENTS: Partials = {
  follow: () => {
    throw new Error('partitions do not count for the rules of the server');
  },
  release: () => {},
  forget: () => {},
  poll: async () => [],
  history: async () => undefined,
};

const HEALTHY_ARCHIVE: ArchiveReading = {
  waitsFrom: [],
  dueAfterMs: 20_000,
  hasProblem: false,
  isFenced: false,
  missedBytes: 0,
  hiveBehindMs: 0,
};

const HEALTHY: Omit<ServerReading, 'atMs'> = {
  partitions: [
    { partition: 0, appliedOffset: 500, lagBytes: 0, commits: 10, commitMsTotal: 100 },
    { partition: 1, appliedOffset: 500, lagBytes: 0, commits: 10, commitMsTotal: 100 },
  ],
  events: { accepted: 1_000, rejected: 5 },
  log: { ends: [500], usedShare: 0.5, isRefusing: false },
  diskFreeBytes: 5_000,
  actors: [{ path: 'partition/0', hasFailed: false, restarts: 0 }],
  unbalancedLines: 0,
  receivers: [{ receiver: 'ops/pager', isGone: false }],
  board: { lagMs: 300, deadDeliveries: 0 },
  archive: HEALTHY_ARCHIVE,
};

const START_MS = Date.UTC(2026, 4, 1, 12);
const [PARTITION_0, PARTITION_1] = HEALTHY.partitions as [
  ServerReading['partitions'][0],
  ServerReading['partitions'][0],
];

/** All rules over readings ten seconds apart; the health of each is what is given. */
async function judged(
  readings: readonly Partial<ServerReading>[],
): Promise<readonly AlarmTransition[]> {
  const partials = new ServerPartials(NO_EVENTS, START_MS);
  const sampler = new ServerSampler();
  const trackers = serverRules(THRESHOLDS).map((rule) => new RuleTracker(rule, partials));
  const transitions: AlarmTransition[] = [];
  for (const [i, reading] of readings.entries()) {
    const atMs = START_MS + (i + 1) * 10_000;
    partials.publish(atMs, sampler.samplesOf({ ...HEALTHY, ...reading, atMs }));
    const ticks = await partials.poll();
    for (const tracker of trackers) {
      for (const each of ticks) tracker.take(each);
      while (tracker.nextMs !== undefined) transitions.push(...((await tracker.evaluate()) ?? []));
    }
  }
  return transitions;
}

/** `name(group): states`, in order. */
const told = (transitions: readonly AlarmTransition[]): string[] =>
  transitions.map(
    ({ rule, group, from, to, atMs }) =>
      `${(atMs - START_MS) / 1_000} s ${rule}(${group.join()}): ${from} → ${to}`,
  );

const times = (count: number, reading: Partial<ServerReading> = {}) =>
  Array.from({ length: count }, () => reading);

const tells = async (
  t: ExecutionContext,
  readings: readonly Partial<ServerReading>[],
  expected: readonly string[],
) => t.deepEqual(told(await judged(readings)), expected);

test('a healthy server tells nothing', async (t) => {
  await tells(t, times(100), []);
});

test('what a server is by itself is counted by no partition', (t) => {
  const rules = serverRules(THRESHOLDS);
  t.true(rules.every(({ tenant, name }) => tenant === 'ops' && name.startsWith('server-')));
  t.deepEqual(rollupsOf(rules), []);
});

test('a server that spools, has little room left for it or lost some of it says so', async (t) => {
  const spool = { isSpooling: true, usedShare: 0.1, lostBytes: 0 };
  const readings = [
    ...times(2, { spool: { ...spool, isSpooling: false } }),
    ...times(4, { spool }),
    ...times(2, { spool: { ...spool, usedShare: 0.9, lostBytes: 4_096 } }),
    ...times(2, { spool: { ...spool, isSpooling: false } }),
  ];
  await tells(t, readings, [
    '30 s server-spooling(): ok → pending',
    '50 s server-spooling(): pending → firing',
    '70 s server-spool-space(): ok → firing',
    '70 s server-spool-damaged(): ok → firing',
    '90 s server-spooling(): firing → ok',
    '90 s server-spool-space(): firing → ok',
    '90 s server-spool-damaged(): firing → ok',
  ]);
});

test('a log whose end was damaged says so until its copy is gone', async (t) => {
  const damaged = { log: { ...HEALTHY.log, damagedEnds: 1 } };
  await tells(
    t,
    [...times(2), ...times(3, damaged), ...times(2)],
    ['30 s server-log-damaged(): ok → firing', '60 s server-log-damaged(): firing → ok'],
  );
});

test('a partition that applies nothing is late by the time since what it has not applied was durable', async (t) => {
  const stuck = (end: number) => ({
    log: { ...HEALTHY.log, ends: [end] },
    partitions: [PARTITION_0, { ...PARTITION_1, lagBytes: end - 500 }],
  });
  const readings = [
    ...times(3),
    ...Array.from({ length: 8 }, (_, i) => stuck(600 + 100 * i)),
    { log: { ...HEALTHY.log, ends: [1_400] } },
  ];
  await tells(t, readings, [
    '80 s server-ingest-lag(1): ok → pending',
    '100 s server-ingest-lag(1): pending → firing',
    '120 s server-ingest-lag(1): firing → ok',
  ]);
});

test('of a topic the log is full when its retention is over for what somebody still has to read', async (t) => {
  const kept = (ends: readonly number[], needed: readonly number[]) => ({
    log: {
      ...{ ends, usedShare: 0, isRefusing: false, keptMs: 100_000 },
      neededFrom: needed.map((offset, partition) => ({ partition, offset })),
    },
  });
  const readings = [
    kept([10, 5_000], [10, 5_000]),
    ...Array.from({ length: 10 }, (_, i) => kept([11 + i, 5_000], [10, 5_000])),
    kept([20, 5_000], [19, 5_000]),
  ];
  await tells(t, readings, [
    '110 s server-log-space(): ok → firing',
    '120 s server-log-space(): firing → ok',
  ]);
});

test('one bad request is no alarm, a minute of refusals is', async (t) => {
  const counts = (accepted: number, rejected: number) => ({ events: { accepted, rejected } });
  await tells(
    t,
    [counts(0, 0), ...times(20, counts(0, 1))],
    ['60 s server-rejected-events(): ok → pending', '80 s server-rejected-events(): pending → ok'],
  );
  const refusing = Array.from({ length: 12 }, (_, i) => counts(80 * i, 20 * i));
  const fired = await judged([...times(6, counts(0, 0)), ...refusing]);
  t.deepEqual(told(fired), [
    '80 s server-rejected-events(): ok → pending',
    '140 s server-rejected-events(): pending → firing',
  ]);
  t.is(fired.at(-1)?.value, 0.2);
});

test('a log that fills, refuses, and a disk without room fire at once', async (t) => {
  const full = {
    log: { ...HEALTHY.log, usedShare: 0.95, isRefusing: true },
    diskFreeBytes: 900,
  };
  await tells(
    t,
    [...times(2), full, ...times(2)],
    [
      '30 s server-log-space(): ok → firing',
      '30 s server-log-refusing(): ok → firing',
      '30 s server-disk-space(): ok → firing',
      '40 s server-log-space(): firing → ok',
      '40 s server-log-refusing(): firing → ok',
      '40 s server-disk-space(): firing → ok',
    ],
  );
});

test('slow commits are told of by partition', async (t) => {
  const readings = Array.from({ length: 16 }, (_, i) => ({
    partitions: [
      { ...PARTITION_0, commits: 10 + 5 * i, commitMsTotal: 100 + 50 * i },
      { ...PARTITION_1, commits: 10 + 5 * i, commitMsTotal: 100 + 10_000 * i },
    ],
  }));
  const transitions = await judged(readings);
  t.deepEqual(
    transitions.map(({ rule, group, to }) => [rule, group, to]),
    [
      ['server-commit-latency', ['1'], 'pending'],
      ['server-commit-latency', ['1'], 'firing'],
    ],
  );
  t.is(transitions.at(-1)?.value, 2_000);
});

test('an actor that restarts too often, and one that has failed', async (t) => {
  const actor = (restarts: number, hasFailed = false) => ({
    actors: [{ path: 'partition/0', restarts, hasFailed }],
  });
  await tells(
    t,
    [actor(0), actor(2), actor(4), actor(4, true), ...times(60, actor(4))],
    [
      '30 s server-restarts(partition/0): ok → firing',
      '40 s server-actor-failed(partition/0): ok → firing',
      '50 s server-actor-failed(partition/0): firing → ok',
      '620 s server-restarts(partition/0): firing → ok',
    ],
  );
});

test('messages that were given up, receivers that are gone, and a ledger that does not add up', async (t) => {
  const bad = {
    receivers: [{ receiver: 'ops/pager', isGone: true }],
    board: { lagMs: 300, deadDeliveries: 2 },
    unbalancedLines: 1,
  };
  await tells(
    t,
    [...times(2), bad],
    [
      '30 s server-ledger(): ok → firing',
      '30 s server-dead-deliveries(): ok → firing',
      '30 s server-receiver-gone(ops/pager): ok → firing',
    ],
  );
});

const archive = (reading: Partial<ArchiveReading>) => ({
  archive: { ...HEALTHY_ARCHIVE, ...reading },
});

test('events that wait to be archived are late from when they were due', async (t) => {
  // The first waits from 10 s on, is due at 30 s, and 30 s later it is time for an alarm.
  await tells(
    t,
    [
      ...times(7, archive({ waitsFrom: [{ partition: 0, offset: 400 }] })),
      archive({ waitsFrom: [{ partition: 1, offset: 500 }] }),
    ],
    ['70 s server-archive-lag(): ok → firing', '80 s server-archive-lag(): firing → ok'],
  );
});

test('an archive that is out of reach is told of after a minute, whatever it looks like in between', async (t) => {
  const out = archive({ hasProblem: true });
  await tells(
    t,
    [...times(2), out, ...times(9)],
    ['30 s server-archive-problem(): ok → pending', '90 s server-archive-problem(): pending → ok'],
  );
  await tells(
    t,
    [...times(2), out, ...times(4), out, ...times(4), out],
    [
      '30 s server-archive-problem(): ok → pending',
      '90 s server-archive-problem(): pending → firing',
    ],
  );
});

test('an archive that another server has claimed, events that it lacks, and a Hive that lacks some', async (t) => {
  await tells(
    t,
    [archive({ isFenced: true, missedBytes: 9, hiveBehindMs: 70_000 }), ...times(1)],
    [
      '10 s server-archive-fenced(): ok → firing',
      '10 s server-archive-missed(): ok → firing',
      '10 s server-hive-lag(): ok → firing',
      '20 s server-archive-fenced(): firing → ok',
      '20 s server-archive-missed(): firing → ok',
      '20 s server-hive-lag(): firing → ok',
    ],
  );
});

test('a source that is behind its topics, or cannot be read, is told of after a minute', async (t) => {
  const sources = (lagMs: number, hasProblem: boolean) => ({
    sources: [
      { source: 'well', lagMs: 0, hasProblem: false },
      { source: 'orders', lagMs, hasProblem },
    ],
  });
  await tells(
    t,
    [...times(8, sources(61_000, false)), sources(30_000, false)],
    [
      '10 s server-source-lag(orders): ok → pending',
      '70 s server-source-lag(orders): pending → firing',
      '90 s server-source-lag(orders): firing → ok',
    ],
  );
  await tells(
    t,
    [sources(0, true), ...times(5, sources(0, false)), sources(0, true)],
    [
      '10 s server-source-problem(orders): ok → pending',
      '70 s server-source-problem(orders): pending → firing',
    ],
  );
});

test('a tick that could not be sampled changes nothing', async (t) => {
  const partials = new ServerPartials(NO_EVENTS, START_MS);
  const rule = serverRules(THRESHOLDS).find(({ name }) => name === 'server-log-refusing');
  t.truthy(rule);
  if (rule === undefined) return;
  const tracker = new RuleTracker(rule, partials);
  const refusing = { field: 'log_refusing', labels: [], value: 1 };
  partials.publish(START_MS + 10_000, [refusing]);
  partials.publish(START_MS + 50_000, []);
  partials.publish(START_MS + 40_000, [{ ...refusing, value: 0 }]);
  for (const ticks of await partials.poll()) tracker.take(ticks);
  while (tracker.nextMs !== undefined) await tracker.evaluate();
  t.is(tracker.run.progressMs, START_MS + 50_000);
  t.deepEqual(
    [...tracker.run.groups()].map(({ state }) => state),
    ['firing'],
  );
});

test('after a restart an alarm stands until it is judged again, and nothing is judged for the time in between', async (t) => {
  const rule = serverRules(THRESHOLDS).find(({ name }) => name === 'server-actor-failed');
  t.truthy(rule);
  if (rule === undefined) return;
  const failed = (value: number) => [{ field: 'failed', labels: ['partition/0'], value }];
  const before = new ServerPartials(NO_EVENTS, START_MS);
  const first = new RuleTracker(rule, before);
  before.publish(START_MS + 10_000, failed(1));
  for (const ticks of await before.poll()) first.take(ticks);
  while (first.nextMs !== undefined) await first.evaluate();
  const after = new ServerPartials(NO_EVENTS, START_MS + 605_000);
  const second = new RuleTracker(rule, after, first.run.snapshot());
  const transitions: AlarmTransition[] = [];
  const evaluate = async () => {
    for (const ticks of await after.poll()) second.take(ticks);
    while (second.nextMs !== undefined) transitions.push(...((await second.evaluate()) ?? []));
  };
  await evaluate();
  t.deepEqual(transitions, []);
  after.publish(START_MS + 620_000, failed(0));
  await evaluate();
  t.deepEqual(told(transitions), ['620 s server-actor-failed(partition/0): firing → ok']);
});
