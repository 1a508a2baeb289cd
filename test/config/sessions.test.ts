import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readRollup } from '../../src/config/rollups.ts';
import { formatProblem, loadConfig } from '../../src/config.ts';

const MINUTE_MS = 60_000;

test('sessions have a gap of half an hour, and a rollup that waits for it', (t) => {
  const { config } = usable(t, 'sessions: [{name: visits, entry: page, dimensions: [country]}]');
  t.like(config.sessions[0], {
    ...{ name: 'visits', stream: 'events', user: 'user', entry: 'page' },
    ...{ gapMs: 30 * MINUTE_MS, latenessMs: MINUTE_MS, openMax: 100_000 },
  });
  const rollup = config.rollups.find(({ stream }) => stream === 'sessions:visits');
  t.like(rollup, { name: 'sessions_visits', dimensions: ['country'], latenessMs: 31 * MINUTE_MS });
  const tops = rollup?.measures.filter(({ op }) => op === 'top');
  t.deepEqual(tops, [{ op: 'top', field: 'entry', capacity: 100 }]);
});

test('a rollup of sessions stands in the place of the default one, and waits at least as long', (t) => {
  const rollupsOf = (lateness: string) =>
    usable(
      t,
      `sessions: [{name: visits, gap: 10m, lateness: 0s}]
rollups: [{name: mine, stream: "sessions:visits", measures: [count, avg(bounce)], lateness: ${lateness}}]`,
    ).config.rollups.filter(({ stream }) => stream === 'sessions:visits');
  t.deepEqual(
    [...rollupsOf('5s'), ...rollupsOf('1h')].map(({ latenessMs }) => latenessMs),
    [10 * MINUTE_MS, 60 * MINUTE_MS],
  );
});

test('what is in force is read again as the same', (t) => {
  const first = usable(
    t,
    'sessions: [{name: visits, gap: 10m, exit: page, filter: [{field: a, in: [b]}]}]',
  );
  t.deepEqual(usable(t, first.asYaml).config, first.config);
});

const BAD: Readonly<Record<string, [text: string, problem: RegExp]>> = {
  'two of one name': [
    'sessions: [{name: a}, {name: a}]',
    /sessions\[1\]\.name: expected a name that no other/,
  ],
  'a user that does not decide on the partition': [
    'sessions: [{name: a, user: device}]',
    /sessions\[0\]\.user: expected "user", which decides on an event's partition.*received "device"/,
  ],
  'a field that sessions have of their own': [
    'sessions: [{name: a, dimensions: [country, events]}]',
    /sessions\[0\]\.dimensions\[1\]: expected another field than user, start_ms/,
  ],
  'a dimension twice': [
    'sessions: [{name: a, dimensions: [b, b]}]',
    /dimensions\[1\]: expected each only once/,
  ],
  'sessions of sessions': [
    'sessions: [{name: a, stream: "sessions:b"}]',
    /sessions\[0\]\.stream: expected a stream/,
  ],
  'a gap without a unit': [
    'sessions: [{name: a, gap: 30}]',
    /sessions\[0\]\.gap: expected a duration/,
  ],
  'a rollup of sessions that are not declared': [
    'sessions: [{name: a}]\nrollups: [{name: r, stream: "sessions:b", measures: [count]}]',
    /rollups\[0\]\.stream: expected sessions that are declared \("sessions:a"\), received "sessions:b"/,
  ],
  'a rollup that reads what sessions do not have': [
    'sessions: [{name: a}]\nrollups: [{name: r, stream: "sessions:a", dimensions: [entry], measures: [count, sum(amount)]}]',
    /rollups\[0\]\.dimensions\[0\]: expected fields of sessions \(user, .*\), received "entry"[\s\S]*rollups\[0\]\.measures\[1\]: expected fields of sessions/,
  ],
  'an alarm rule of sessions': [
    'sessions: [{name: a}]\nalarms: {rules: [{name: r, stream: "sessions:a", measure: count, window: 1m, above: 1}]}',
    /alarms\.rules\[0\]\.stream: expected a stream/,
  ],
};
for (const [what, [text, problem]] of Object.entries(BAD)) {
  test(`refused: ${what}`, (t) => {
    const loaded = load(t, text);
    t.regex(loaded.ok ? '' : loaded.error.map(formatProblem).join('\n'), problem);
  });
}

test('with one partition any field may say whose a session is', (t) => {
  t.is(usable(t, 'partitions: 1\nsessions: [{name: a, user: device}]').config.sessions.length, 1);
});

test('a rollup of sessions is for the configuration', (t) => {
  const read = readRollup({ name: 'mine', stream: 'sessions:visits', measures: ['count'] });
  t.regex(read.ok ? '' : (read.error[0]?.message ?? ''), /expected a stream of events/);
});

function usable(t: ExecutionContext, text: string) {
  const loaded = load(t, text);
  if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join('\n'));
  return loaded.value;
}

function load(t: ExecutionContext, text: string) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), text);
  return loadConfig({ cwd, env: {} });
}
