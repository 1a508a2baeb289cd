import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { formatProblem, loadConfig } from '../../src/config.ts';
import { mmdbOf } from '../web/mmdb.ts';

const WEB = ['web_views', 'web_devices', 'web_bots', 'sessions_web'];

test('one line declares what people ask of a site, beside what is declared', (t) => {
  const { config } = usable(t, 'web: { enabled: true }');
  const names = config.rollups.map(({ name }) => name);
  t.deepEqual(names.toSorted(), [...WEB, 'events_by_type'].toSorted());
  t.like(config.sessions, [{ name: 'web', user: 'visitor', entry: 'path', gapMs: 1_800_000 }]);
});

test('nothing is declared where it is not wanted', (t) => {
  const { config } = usable(t, '');
  t.deepEqual([config.web.enabled, config.rollups.length, config.sessions.length], [false, 1, 0]);
});

test('what has the name of one of these stands in its place', (t) => {
  const { config } = usable(
    t,
    `web: { enabled: true, stream: pages }
rollups: [{name: web_views, stream: pages, dimensions: [path], measures: [count]}]
sessions: [{name: web, stream: pages, user: visitor, gap: 5m}]`,
  );
  t.deepEqual(config.rollups.find(({ name }) => name === 'web_views')?.dimensions, ['path']);
  t.deepEqual(
    config.sessions.map(({ gapMs }) => gapMs),
    [300_000],
  );
});

test('what is in force is read again as the same', (t) => {
  const first = usable(t, 'web: { enabled: true, stream: pages }');
  t.deepEqual(usable(t, first.asYaml).config, first.config);
});

test('with several partitions only events of pages have sessions by their visitor', (t) => {
  const text = 'web: { enabled: true, stream: pages }\nsessions: [{name: a, user: visitor}]';
  const loaded = load(t, text);
  t.regex(
    loaded.ok ? '' : loaded.error.map(formatProblem).join('\n'),
    /sessions\[0\]\.user: expected "user"/,
  );
});

test('with a file of countries there is a rollup of them; one that is none, or is not there, is refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'countries.mmdb');
  writeFileSync(file, mmdbOf({ '192.0.2.0/24': 'DE' }));
  const { config } = usable(t, `web: { enabled: true, geoipFile: ${file} }`);
  t.true(config.rollups.some(({ name }) => name === 'web_countries'));
  t.true(isAbsolute(config.web.geoipFile ?? ''));
  const other = load(t, 'web: { enabled: true, geoipFile: streamgauge.yaml }');
  t.regex(
    other.ok ? '' : other.error.map(formatProblem).join('\n'),
    /web\.geoipFile: expected a file in MaxMind's format, MMDB \(/,
  );
  const missing = load(t, 'web: { enabled: true, geoipFile: missing.mmdb }');
  t.regex(
    missing.ok ? '' : missing.error.map(formatProblem).join('\n'),
    /web\.geoipFile: expected a file that can be read \(ENOENT\)/,
  );
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
