import test from 'ava';
import { Counters } from '../src/ingest/counters.ts';
import type { ReceiverView } from '../src/model/alarm-board.ts';
import { AppError } from '../src/model/errors.ts';
import { ServerReader, type ServerSources } from '../src/server-alarms.ts';

const NOTHING: ServerSources = {
  partitions: async () => [],
  edges: async () => [],
  log: () => ({ ends: [0], usedShare: 0, isRefusing: false }),
  diskFreeBytes: async () => undefined,
  actors: async () => [],
  unbalancedLines: async () => 0,
  board: async () => undefined,
  receivers: async () => [],
  archive: () => undefined,
};

function edge(accepted: number, rejected: Record<string, number>) {
  const counters = new Counters();
  counters.eventsAccepted = accepted;
  Object.assign(counters.eventsRejected, rejected);
  return counters.snapshot();
}

const receiver = (name: string, reason?: 'gone' | 'operator'): ReceiverView => ({
  receiver: {
    name,
    tenant: 'acme',
    kind: 'console',
    bell: false,
    sendResolved: true,
    concurrency: 1,
    timeoutMs: 1,
    retry: { waitMsMin: 1, waitMsMax: 1, giveUpAfterMs: 1 },
  },
  source: 'config',
  disabled: reason === undefined ? null : { reason, atMs: 0 },
  waiting: 0,
});

test('events of all edges are added up, whatever they were refused for', async (t) => {
  const edges = async () => [edge(10, { invalid_json: 1, too_deep: 2 }), edge(5, { other: 4 })];
  const reader = new ServerReader({
    sources: { ...NOTHING, edges },
    tenants: ['acme'],
    sourceNames: [],
  });
  t.deepEqual((await reader.read(0)).events, { accepted: 15, rejected: 7 });
});

test('an edge that does not answer leaves the events out, not at less', async (t) => {
  const edges = async () => undefined;
  const reader = new ServerReader({
    sources: { ...NOTHING, edges },
    tenants: ['acme'],
    sourceNames: [],
  });
  t.is((await reader.read(0)).events, undefined);
});

test('one tenant is looked at each time, and what was found of the others stays', async (t) => {
  const asked: string[] = [];
  const sources: ServerSources = {
    ...NOTHING,
    unbalancedLines: async (tenant) => {
      asked.push(tenant);
      return tenant === 'acme' ? 2 : 0;
    },
    receivers: async (tenant) => (tenant === 'acme' ? [receiver('a', 'gone')] : [receiver('b')]),
  };
  const reader = new ServerReader({ sources, tenants: ['acme', 'umbrella'], sourceNames: [] });
  await reader.read(0);
  const reading = await reader.read(10_000);
  t.deepEqual(asked, ['acme', 'umbrella']);
  t.is(reading.unbalancedLines, 2);
  t.deepEqual(reading.receivers, [
    { receiver: 'acme/a', isGone: true },
    { receiver: 'umbrella/b', isGone: false },
  ]);
});

test('a receiver that an operator has disabled is not gone', async (t) => {
  const receivers = async () => [receiver('a', 'operator')];
  const reader = new ServerReader({
    sources: { ...NOTHING, receivers },
    tenants: ['acme'],
    sourceNames: [],
  });
  t.deepEqual((await reader.read(0)).receivers, [{ receiver: 'acme/a', isGone: false }]);
});

test('a source that is gone from the configuration is well, until no alarm is of it', async (t) => {
  const alarms: ((readonly string[])[] | undefined)[] = [
    undefined,
    [['old'], ['orders', 'old']],
    [],
  ];
  const asked: string[] = [];
  const alarmed = async (rule: string) => {
    asked.push(rule);
    const each = alarms[Math.floor((asked.length - 1) / 2)];
    return each && (each[Number(rule === 'server-source-problem')] ?? []);
  };
  const reader = new ServerReader({
    sources: { ...NOTHING, alarmed },
    tenants: ['acme'],
    sourceNames: ['orders'],
  });
  const well = [{ source: 'old', lagMs: 0, hasProblem: false }];
  for (const expected of [[], well, [], []]) {
    t.deepEqual((await reader.read(0)).sources, expected);
  }
  t.is(asked.length, 6, 'the fourth time nobody is asked');
});

test('a board that does not answer costs only what it would have said; a bug shows', async (t) => {
  const fails = (error: Error) =>
    new ServerReader({
      sources: {
        ...NOTHING,
        unbalancedLines: async () => 1,
        receivers: async () => {
          throw error;
        },
      },
      tenants: ['acme'],
      sourceNames: [],
    });
  const reading = await fails(new AppError('actor_stopped', 'it restarts')).read(0);
  t.like(reading, { unbalancedLines: 1, receivers: [], board: undefined });
  await t.throwsAsync(fails(new TypeError('a bug')).read(0), { message: 'a bug' });
});
