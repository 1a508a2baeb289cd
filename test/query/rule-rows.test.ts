/** A rule that is tried on the rows of an ordinary rollup fires as one that had been at work. */
import test from 'ava';
import { rollupsOf, testRule } from '../../actors/alarm-board/rule-test.ts';
import type { AlarmRule } from '../../src/model/alarm.ts';
import { isFault } from '../../src/model/errors.ts';
import { openRuleRows } from '../../src/query/rule-rows.ts';
import { SeriesTables } from '../../src/query/series-tables.ts';
import { ruleWith } from '../alarm/ticks.ts';
import { MemoryPartitions, TENANT, type TestEvent } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY, PURCHASES } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');
const [SECOND, MINUTE] = [1_000, 60_000] as const;
const ABOVE = (bound: number): AlarmRule['condition'] => ({
  kind: 'threshold',
  above: { fire: bound, clear: bound },
});

function setUp(events: readonly (readonly TestEvent[])[], isCommitted: boolean) {
  const clock = { now: () => START + 10 * MINUTE };
  const memory = new MemoryPartitions([BY_TYPE, BY_TYPE_AND_COUNTRY, PURCHASES], events.length);
  events.forEach((own, partition) => {
    for (const [i, event] of own.entries()) {
      memory.apply(partition, [event], event.ts);
      if (i === 0 || isCommitted) memory.commit(partition);
    }
  });
  return {
    partitions: memory,
    stored: memory,
    tables: new SeriesTables(memory),
    catalog: memory,
    clock,
  };
}

async function fired(rule: AlarmRule, sources: ReturnType<typeof setUp>) {
  const rollups = rollupsOf(rule);
  const rows = await openRuleRows(rollups, sources);
  const named = { ...rows, rollups: rollups.map(({ name }) => name) };
  const { transitions, ...answer } = await testRule(rule, named, rows, START, START + 10 * MINUTE);
  return {
    ...answer,
    transitions: transitions.map(
      ({ group, to, atMs }) => `${(atMs - START) / SECOND} ${group.join()} ${to}`,
    ),
  };
}

const at = (offsetMs: number, parts: Record<string, string | number> = {}): TestEvent => ({
  ts: START + offsetMs,
  type: 'view',
  country: 'DE',
  duration_ms: 100,
  user: 'ann',
  ...parts,
});
const rule = (changes: Partial<AlarmRule>): AlarmRule =>
  ruleWith({ tenant: TENANT, everyMs: 10 * SECOND, windowMs: 30 * SECOND, ...changes });

for (const isCommitted of [true, false]) {
  const where = isCommitted ? 'stored' : 'partly stored';
  const sources = () =>
    setUp(
      [
        [at(61_000), at(62_000, { type: 'buy' }), at(200_000, { country: 'FR' })],
        [at(63_000), at(64_000, { duration_ms: 9_000 }), at(201_000)],
      ],
      isCommitted,
    );

  test(`counts of all partitions by a dimension (${where})`, async (t) => {
    const answer = await fired(rule({ groupBy: ['type'], condition: ABOVE(2) }), sources());
    t.deepEqual(answer.transitions, ['70 view firing', '100 view ok']);
    t.is(answer.toMs, START + 590 * SECOND);
    t.is(answer.fromMs, START + 60 * SECOND);
  });

  test(`a filter is a condition on a dimension (${where})`, async (t) => {
    const filter = [{ field: 'country', in: ['FR'] }];
    const { transitions } = await fired(rule({ filter, condition: ABOVE(0) }), sources());
    t.deepEqual(transitions, ['210  firing', '240  ok']);
  });

  test(`sums, extremes, quantiles and distinct counts (${where})`, async (t) => {
    const field = 'duration_ms';
    const of = async (measure: AlarmRule['measure'], bound: number) =>
      (await fired(rule({ measure, condition: ABOVE(bound), onNoValue: 'ok' }), sources()))
        .transitions;
    const once = ['70  firing', '100  ok'];
    // These wait for the first whole window.
    const later = ['90  firing', '100  ok'];
    t.deepEqual(await of({ op: 'sum', field }, 9_250), once);
    t.deepEqual(await of({ op: 'max', field }, 5_000), once);
    t.deepEqual(await of({ op: 'avg', field }, 2_000), later);
    t.deepEqual(await of({ op: 'quantile', field, q: 0.99 }, 5_000), later);
    t.deepEqual(await of({ op: 'last', field }, 5_000), later);
    t.deepEqual(await of({ op: 'first', field }, 5_000), []);
    t.deepEqual(await of({ op: 'distinct', field: 'user' }, 1), []);
  });

  test(`a ratio of two questions (${where})`, async (t) => {
    const over = { measure: { op: 'count' } as const, filter: [] };
    const filter = [{ field: 'type', in: ['buy'] }];
    const { transitions } = await fired(
      rule({ filter, over, condition: ABOVE(0.2), onNoValue: 'ok' }),
      sources(),
    );
    t.deepEqual(transitions, ['90  firing', '100  ok']);
  });
}

test('a rule that no rollup covers is told which one would be needed', async (t) => {
  const rule_ = rule({
    groupBy: ['shop'],
    filter: [{ field: 'type', in: ['view'] }],
    measure: { op: 'sum', field: 'bytes' },
  });
  const error = await t.throwsAsync(fired(rule_, setUp([[]], true)));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error.message, /"by_type" lacks dimension "shop", measure sum\(bytes\)/);
  t.regex(
    error.message,
    /rollup of stream "events" with dimensions \[shop, type\], measure sum\(bytes\) and a resolution that divides 10s/,
  );
});
