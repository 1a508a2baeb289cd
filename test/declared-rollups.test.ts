/** What keeps a tenant from declaring a rollup: its memory is the server's. */
import test from 'ava';
import { readRollup } from '../src/config/rollups.ts';
import { definitionOf, problemsOfDefinition } from '../src/declared-rollups.ts';
import type { RollupDefinition } from '../src/model/rollup.ts';

function definition(raw: object, tenant = 'a'): RollupDefinition {
  const read = readRollup({ name: 'r', measures: ['count'], ...raw });
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return definitionOf(tenant, read.value);
}

const problems = (one: RollupDefinition, declared: readonly RollupDefinition[] = []) =>
  problemsOfDefinition(one, declared).map(({ path, message }) => `${path}: ${message}`);

test('no more buckets are open than memory is for', (t) => {
  t.deepEqual(problems(definition({ lateness: '10m' })), []);
  const [problem, ...others] = problems(definition({ lateness: '11m' }));
  t.regex(problem ?? '', /^lateness: expected at most 600 buckets of 1 s.*received 660 s/);
  t.deepEqual(others, []);
  const resolutions = [{ step: '1m', retention: '14d' }];
  t.deepEqual(problems(definition({ lateness: '10h', resolutions })), []);
});

test('all rollups of a tenant share a number of series, of which sketches take more', (t) => {
  const sketches = { measures: ['count', 'quantile(ms)', 'distinct(user)'], seriesMax: 10_000 };
  const own = [1, 2].map((n) => definition({ ...sketches, name: `own${n}` }));
  const foreign = definition({ seriesMax: 100_000 }, 'b');
  const declared = [...own, foreign];
  t.deepEqual(problems(definition({ seriesMax: 80_000 }), declared), []);
  const [problem, ...others] = problems(definition({ seriesMax: 80_001 }), declared);
  t.regex(problem ?? '', /^seriesMax: expected at most 500000.*have 420000, received 80001/);
  t.deepEqual(others, []);
  const again = definition({ ...sketches, name: 'own1', seriesMax: 13_000 });
  t.deepEqual(problems(again, declared), [], 'what it replaces does not count');
});
