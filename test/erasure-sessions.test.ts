import test from 'ava';
import { asOfEvents } from '../src/erasure-sessions.ts';
import type { RollupDefinition } from '../src/model/rollup.ts';
import { type SessionDefinition, sessionStream } from '../src/model/session.ts';

const VISITS: SessionDefinition = {
  ...{ name: 'visits', stream: 'web', user: 'account', filter: [] },
  ...{ gapMs: 30_000, latenessMs: 10_000, entry: 'page', exit: 'page', dimensions: ['country'] },
  openMax: 1_000,
};
const rollupOf = (stream: string, dimensions: string[]): RollupDefinition => ({
  ...{ name: 'r', stream, filter: [], dimensions, measures: [{ op: 'count' }] },
  ...{ resolutions: [], latenessMs: 0, seriesMax: 10 },
});

test('what rollups of sessions are labelled with is said of the fields of events that it was taken from', (t) => {
  const control = { type: 'setRollups', version: 1, sessions: [VISITS] } as const;
  const dimensions = ['user', 'entry', 'exit', 'country', 'closed'];
  const rollups = [rollupOf(sessionStream('visits'), dimensions), rollupOf('web', ['user'])];
  t.deepEqual(
    asOfEvents({ ...control, rollups }).map((each) => [each.stream, each.dimensions]),
    [
      ['web', ['account', 'page', 'page', 'country', 'closed']],
      ['web', ['user']],
    ],
  );
});
