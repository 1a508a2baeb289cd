import test from 'ava';
import { parse } from 'graphql';
import { ANSWERED_BY, asksLeader } from '../../graphql/answered-by.ts';
import { schema } from '../../graphql/schema.ts';

test('of every root field it is said which node of a cluster answers it', (t) => {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const fields = types.flatMap((type) =>
    Object.keys(type?.getFields() ?? {}).map((field) => `${type?.name}.${field}`),
  );
  t.deepEqual(Object.keys(ANSWERED_BY).sort(), fields.sort());
});

test('what is declared while it runs and everything about alarms is the leader’s, and nothing that partitions answer', (t) => {
  const leaders = Object.keys(ANSWERED_BY).filter((field) => ANSWERED_BY[field] === 'leader');
  t.deepEqual(
    leaders.filter(
      (field) =>
        !/rollup|alarm|silence|rule|receiver|route|deliver|acknowledge|archive|dashboard|panel|share/i.test(
          field,
        ),
    ),
    [],
  );
  for (const field of ['timeseries', 'ledger', 'ledgerLines', 'events', 'sql']) {
    t.is(ANSWERED_BY[`Query.${field}`], 'any');
  }
});

const cases: readonly [string, boolean, string?][] = [
  ['{ timeseries { watermark } version }', false],
  ['{ alarms { total } }', true],
  ['{ version a: alarms { total } }', true],
  ['{ ... { ... on Query { silences { id } } } }', true],
  [
    'query Q { ...F } fragment F on Query { ...G version } fragment G on Query { routes { own { receiver } } }',
    true,
  ],
  ['query A { version } query B { alarms { total } }', false, 'A'],
  ['query A { version } query B { alarms { total } }', true, 'B'],
  ['query ($no: Boolean = false) { version alarms @include(if: $no) { total } }', true],
  ['mutation { expireSilence(id: "1") { problems { message } } }', true],
  ['mutation { eraseUser(field: "user", value: "u") { id } }', false],
  ['subscription { timeseries { cursor } }', false],
  ['subscription { alarmChanged { snapshot } }', true],
  ['{ __schema { types { name } } }', false],
];
for (const [query, expected, operationName] of cases) {
  const name = operationName === undefined ? '' : ` as ${operationName}`;
  test(`${query}${name} ${expected ? 'goes to the leader' : 'is answered here'}`, (t) => {
    t.is(asksLeader(parse(query), operationName), expected);
  });
}

test('a fragment that spreads itself comes to an end', (t) => {
  t.false(asksLeader(parse('{ ...F } fragment F on Query { ...F version }')));
});
