import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { formatBytes, formatDuration, isLoopback } from '../src/config/scalars.ts';
import { schema } from '../src/config/schema.ts';
import { envName, keysAllowedAt, nearest, settingsOf } from '../src/config/settings.ts';
import { type ConfigInput, formatProblem, loadConfig } from '../src/config.ts';
import { hashSecret } from '../src/model/access.ts';

const SECRET = `sg_${'a'.repeat(43)}`;
const HASH = hashSecret(SECRET);

test('with nothing configured it is embedded, on loopback, and counts events by type', (t) => {
  const { config } = usable(t, {});
  t.like(config.listen, { host: '127.0.0.1', ingestPort: 8080, queryPort: 8081 });
  t.is(config.tls, undefined);
  t.is(config.keys.length, 0);
  t.is(config.cors.origins.length, 0);
  t.is(config.rollups.length, 1);
  t.like(config.rollups[0], {
    stream: 'events',
    dimensions: ['type'],
    measures: [{ op: 'count' }],
  });
});

test('a flag wins over the environment, that over the file, that over the default', (t) => {
  const file = 'listen: {ingestPort: 1, queryPort: 2}\npartitions: 3\nedgeThreads: 4';
  const env = { STREAMGAUGE_LISTEN_INGEST_PORT: '11', STREAMGAUGE_LISTEN_QUERY_PORT: '12' };
  const flags = [{ name: '--ingest-port', path: ['listen', 'ingestPort'], value: '21' }];
  const { config } = usable(t, { file, env, flags });
  t.like(config.listen, { ingestPort: 21, queryPort: 12 });
  t.like(config, { partitions: 3, edgeThreads: 4, partitionThreads: 1 });
});

test('a problem names file, line, column, key, what is allowed and what was received', (t) => {
  t.deepEqual(problems(t, { file: 'listen:\n  ingestPort: eighty\n' }), [
    'streamgauge.yaml:2:3: listen.ingestPort: expected an integer from 0 to 65,535, received "eighty"',
  ]);
});

test('a problem from the environment or a flag names the variable or the flag', (t) => {
  const env = { STREAMGAUGE_EDGE_THREADS: '0', STREAMGAUGE_CORS_ORIGINS: '[nowhere]' };
  const flags = [{ name: '--partitions', path: ['partitions'], value: 'many' }];
  const found = problems(t, { env, flags }).sort();
  t.is(found.length, 3);
  t.true(found[0]?.startsWith('--partitions: partitions: expected an integer'));
  t.true(found[1]?.startsWith('STREAMGAUGE_CORS_ORIGINS: cors.origins[0]: expected an origin'));
  t.true(found[2]?.startsWith('STREAMGAUGE_EDGE_THREADS: edgeThreads: expected an integer'));
});

test('all problems are reported at once', (t) => {
  const file = 'partitions: x\nedgeThreads: y\nlimits: {depthMax: z}\njournal: 7\n';
  t.is(problems(t, { file, env: { STREAMGAUGE_NO: '1' } }).length, 5);
});

test('an unknown key is an error that names the nearest known one', (t) => {
  const allowed = keysAllowedAt(schema, ['limits']).join(', ');
  t.deepEqual(problems(t, { file: 'lisen: {}\nlimits:\n  linebytes_max: 5\n  zzz: 1\n' }), [
    'streamgauge.yaml:3:3: limits.linebytes_max: unknown key; did you mean lineBytesMax?',
    `streamgauge.yaml:4:3: limits.zzz: unknown key; allowed are ${allowed}`,
    'streamgauge.yaml:1:1: lisen: unknown key; did you mean listen?',
  ]);
});

test('an unknown variable of ours is an error: a typing mistake must not mean the default', (t) => {
  t.deepEqual(problems(t, { env: { STREAMGAUGE_PARTITONS: '8', PATH: '/bin' } }), [
    'STREAMGAUGE_PARTITONS: unknown variable; did you mean STREAMGAUGE_PARTITIONS?',
  ]);
});

test('a secret in the wrong place is not repeated', (t) => {
  const file = `keys: [{id: a, tenant: ${SECRET}x/, scopes: [read], hash: ${SECRET}, word: ${SECRET}}]`;
  const found = problems(t, { file });
  t.is(found.length, 3);
  t.false(found.join().includes(SECRET));
});

test('broken YAML is placed', (t) => {
  const [problem] = problems(t, { file: 'listen:\n  host: "127.0.0.1\n' });
  t.regex(problem ?? '', /^streamgauge\.yaml:3:1: Missing closing/);
});

for (const file of ['[1, 2]', 'text', 'a: &a [*a, *a]', '? {a: 1}\n: 2', 'a: 1\na: 2']) {
  test(`a document that is no usable group of keys is refused: ${JSON.stringify(file)}`, (t) => {
    t.true(problems(t, { file }).length > 0);
  });
}

test('keys named like the parts of a prototype are unknown keys and nothing else', (t) => {
  const file = '__proto__: {polluted: 1}\nconstructor: {prototype: {polluted: 1}}\n';
  t.is(problems(t, { file }).length, 2);
  t.false('polluted' in {});
});

test('an empty file and a group without values mean the defaults', (t) => {
  const { limits } = usable(t, { file: '' }).config;
  t.deepEqual(usable(t, { file: 'limits:\n' }).config.limits, limits);
});

test('a named file that does not exist is an error', (t) => {
  const loaded = loadConfig({ cwd: folder(t), env: {}, file: 'other.yaml' });
  t.deepEqual(loaded.ok || loaded.error.map(formatProblem), ['other.yaml: there is no such file']);
});

test('STREAMGAUGE_CONFIG names the file, --config wins over it', (t) => {
  const cwd = folder(t);
  writeFileSync(join(cwd, 'a.yaml'), 'partitions: 5');
  writeFileSync(join(cwd, 'b.yaml'), 'partitions: 6');
  const env = { STREAMGAUGE_CONFIG: 'a.yaml' };
  const byEnv = loadConfig({ cwd, env });
  const byFlag = loadConfig({ cwd, env, file: 'b.yaml' });
  t.is(byEnv.ok && byEnv.value.config.partitions, 5);
  t.is(byFlag.ok && byFlag.value.config.partitions, 6);
});

test('a relative path starts at the file that has it, any other at the working folder', (t) => {
  const [cwd, elsewhere] = [folder(t), folder(t)];
  writeFileSync(join(elsewhere, 'c.yaml'), 'dataDir: here');
  const inFile = loadConfig({ cwd, env: {}, file: join(elsewhere, 'c.yaml') });
  const inEnv = loadConfig({ cwd, env: { STREAMGAUGE_DATA_DIR: './there' } });
  t.is(inFile.ok && inFile.value.config.dataDir, join(elsewhere, 'here'));
  t.is(inEnv.ok && inEnv.value.config.dataDir, join(cwd, 'there'));
});

test('without keys only a loopback address may be bound', (t) => {
  const [problem] = problems(t, { file: 'listen: {host: 0.0.0.0}' });
  t.regex(problem ?? '', /listen\.host: expected a loopback address.*keys create.*"0\.0\.0\.0"/);
  const keys = `keys: [{id: a, tenant: t, scopes: [write], hash: "sha256:${HASH}"}]`;
  const { config } = usable(t, { file: `listen: {host: 0.0.0.0}\n${keys}` });
  t.is(config.listen.host, '0.0.0.0');
});

for (const host of ['127.0.0.1', '127.8.9.1', '::1', 'localhost']) {
  test(`${host} is loopback`, (t) => t.true(isLoopback(host)));
}
for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.org', '128.0.0.1', '127.0.0.1.org']) {
  test(`${host} is not loopback`, (t) => t.false(isLoopback(host)));
}

test('a key is kept as its hash, a public key also in clear', (t) => {
  const file = `keys:
  - {id: s, tenant: t, scopes: [read, admin], hash: "sha256:${HASH}"}
  - {id: p, tenant: t, scopes: [write], public: ${SECRET.replaceAll('a', 'b')}}`;
  const { config, asYaml } = usable(t, { file });
  t.is(config.keys[0]?.hash, HASH);
  t.is(config.keys[0]?.publicSecret, undefined);
  t.is(config.keys[1]?.hash, hashSecret(SECRET.replaceAll('a', 'b')));
  t.is(config.keys[1]?.publicSecret, SECRET.replaceAll('a', 'b'));
  t.false(asYaml.includes(HASH));
});

const BAD_KEYS = {
  'neither hash nor public': 'id: a, tenant: t, scopes: [write]',
  'a public key that reads': `id: a, tenant: t, scopes: [write, read], public: ${SECRET}`,
  'hash and public': `id: a, tenant: t, scopes: [write], public: ${SECRET}, hash: "sha256:${HASH}"`,
  'no scope': `id: a, tenant: t, scopes: [], hash: "sha256:${HASH}"`,
  'a tenant with a slash': `id: a, tenant: t/u, scopes: [read], hash: "sha256:${HASH}"`,
  'a hash without its kind': `id: a, tenant: t, scopes: [read], hash: "${HASH}"`,
};
for (const [title, key] of Object.entries(BAD_KEYS)) {
  test(`refused as a key: ${title}`, (t) => {
    t.is(problems(t, { file: `keys: [{${key}}]` }).length, 1);
  });
}

test('two keys share neither id nor secret', (t) => {
  const key = `{id: a, tenant: t, scopes: [read], hash: "sha256:${HASH}"}`;
  t.is(problems(t, { file: `keys: [${key}, ${key}]` }).length, 2);
});

test('a rollup becomes its definition in milliseconds', (t) => {
  const file = `rollups:
  - name: by_country
    filter: [{field: status, in: [200, ok, true]}]
    dimensions: [type, country]
    measures: [count, quantile(duration_ms), {op: distinct, field: user}]
    resolutions: [{step: 10s, retention: 2h}, {step: 5m, retention: 1y}]
    lateness: 1m`;
  const rollups: unknown = usable(t, { file }).config.rollups;
  t.deepEqual(rollups, [
    {
      name: 'by_country',
      stream: 'events',
      filter: [{ field: 'status', in: ['200', 'ok', 'true'] }],
      dimensions: ['type', 'country'],
      measures: [
        { op: 'count' },
        { op: 'quantile', field: 'duration_ms' },
        { op: 'distinct', field: 'user' },
      ],
      resolutions: [
        { stepMs: 10_000, retentionMs: 7_200_000 },
        { stepMs: 300_000, retentionMs: 365 * 86_400_000 },
      ],
      latenessMs: 60_000,
      seriesMax: 10_000,
    },
  ]);
});

test('a rollup keeps the first and the last value of a field', (t) => {
  const file = `rollups:
  - name: meters
    measures: [first(celsius), {op: last, field: celsius}]`;
  const measures: unknown = usable(t, { file }).config.rollups[0]?.measures;
  t.deepEqual(measures, [
    { op: 'first', field: 'celsius' },
    { op: 'last', field: 'celsius' },
  ]);
});

test('the heaviest values have a short and a long form, which print as what they are', (t) => {
  const file = `rollups:
  - name: paths
    measures: [top(path), "top(path, bytes)", {op: top, field: "a,b", by: n, capacity: 500}]`;
  const { config } = usable(t, { file });
  const measures: unknown = config.rollups[0]?.measures;
  t.deepEqual(measures, [
    { op: 'top', field: 'path', capacity: 100 },
    { op: 'top', field: 'path', by: 'bytes', capacity: 100 },
    { op: 'top', field: 'a,b', by: 'n', capacity: 500 },
  ]);
});

test('a rollup of another stream leaves the default one of "events" in place', (t) => {
  const { config } = usable(t, { file: 'rollups: [{name: a, stream: web, measures: [count]}]' });
  t.deepEqual(
    config.rollups.map(({ stream }) => stream),
    ['web', 'events'],
  );
});

const BAD_ROLLUPS = {
  'no measure': 'measures: []',
  'an unknown measure': 'measures: [median(a)]',
  'a count of a field': 'measures: [count(a)]',
  'a top of nothing': 'measures: [top]',
  'a top of too many': 'measures: [{op: top, field: a, capacity: 501}]',
  'a top by nothing': 'measures: ["top(a, )"]',
  'two tops of one field': 'measures: [top(a), {op: top, field: a, capacity: 50}]',
  'a sum by another field': 'measures: [{op: sum, field: a, by: b}]',
  'a last of nothing': 'measures: [last]',
  'a sum of nothing': 'measures: [sum]',
  'the same measure twice': 'measures: [sum(a), {op: sum, field: a}]',
  'the same dimension twice': 'measures: [count], dimensions: [a, a]',
  'a step without a unit': 'measures: [count], resolutions: [{step: 10, retention: 1h}]',
  'a step that does not divide a day':
    'measures: [count], resolutions: [{step: 7s, retention: 1h}]',
  'a coarser step that is no multiple':
    'measures: [count], resolutions: [{step: 10s, retention: 1h}, {step: 15s, retention: 2h}]',
  'a coarser step that is kept for less':
    'measures: [count], resolutions: [{step: 1s, retention: 2h}, {step: 10s, retention: 1h}]',
  'a retention below one step': 'measures: [count], resolutions: [{step: 1h, retention: 1m}]',
  'more series than the bound': 'measures: [count], seriesMax: 10000000',
};
for (const [title, rollup] of Object.entries(BAD_ROLLUPS)) {
  test(`refused as a rollup: ${title}`, (t) => {
    t.is(problems(t, { file: `rollups: [{name: a, ${rollup}}]` }).length, 1);
  });
}

const CONFLICTS = {
  'listen: {ingestPort: 9, queryPort: 9}': 'listen.queryPort',
  'partitions: 2\npartitionThreads: 3': 'partitionThreads',
  'limits: {lineBytesMax: 8MiB, bodyBytesMax: 1MiB}': 'limits.bodyBytesMax',
  'journal: {fileBytes: 1GiB, bytesMax: 1GiB}': 'journal.bytesMax',
  'tls: {certFile: none.pem, keyFile: /dev/null}': 'tls.certFile',
  'trustedProxies: [10.0.0.0/33]': 'trustedProxies[0]',
  'cors: {origins: ["https://a.b/"]}': 'cors.origins[0]',
};
for (const [file, key] of Object.entries(CONFLICTS)) {
  test(`refused for ${key}: ${JSON.stringify(file)}`, (t) => {
    const found = problems(t, { file });
    t.is(found.length, 1);
    t.true(found[0]?.includes(` ${key}: expected `), found[0]);
  });
}

test('a default that does not fit what was written is named as the default', (t) => {
  const [problem] = problems(t, { file: 'listen: {ingestPort: 8081}' });
  t.regex(
    problem ?? '',
    /^streamgauge\.yaml:1:1: listen\.queryPort: .* received the default 8081$/,
  );
});

test('sizes and durations are read with and without units', (t) => {
  const file = `limits: {lineBytesMax: 2 MiB, bodyBytesMax: 3000000, bodyTimeoutMs: 1.5s}
commit: {intervalMs: 250}`;
  const { limits, commit } = usable(t, { file }).config;
  t.like(limits, { lineBytesMax: 2 ** 21, bodyBytesMax: 3e6, bodyTimeoutMs: 1_500 });
  t.is(Number(commit.intervalMs), 250);
});

test('a size or duration is written so that it reads back the same', (t) => {
  t.deepEqual([0, 1, 1023, 1024, 3 * 2 ** 20].map(formatBytes), [
    '0 B',
    '1 B',
    '1023 B',
    '1 KiB',
    '3 MiB',
  ]);
  t.deepEqual([0, 250, 1_000, 90_000, 7_200_000].map(formatDuration), [
    '0ms',
    '250ms',
    '1s',
    '90s',
    '2h',
  ]);
});

test('what is in force, written as a file, is the same configuration again', (t) => {
  const rollups =
    'rollups: [{name: a, measures: [count, sum(b)], resolutions: [{step: 1s, retention: 3h}]}]';
  const first = usable(t, { file: `partitions: 7\nlimits: {lineBytesMax: 3000}\n${rollups}` });
  const again = usable(t, { file: first.asYaml });
  t.deepEqual(again.config, first.config);
  t.true(first.asYaml.includes('partitions: 7 # streamgauge.yaml:1:1'));
  t.deepEqual(parse(first.asYaml), first.asValues);
});

test('the example file has every setting, each at its default', (t) => {
  const text = readFileSync(new URL('../deploy/streamgauge.example.yaml', import.meta.url), 'utf8');
  const { dataDir: _, rollups, ...example } = usable(t, { file: text }).config;
  t.like(usable(t, {}).config, example);
  t.is(rollups.length, 1);
  for (const { path } of settingsOf(schema)) {
    t.regex(text, new RegExp(`^[ #]*${path.at(-1)}:`, 'm'), path.join('.'));
  }
});

test('every setting has its own variable', (t) => {
  const names = settingsOf(schema).map(({ path }) => envName(path));
  t.is(new Set(names).size, names.length);
  t.true(names.includes('STREAMGAUGE_DEDUP_MEMORY_BYTES_MAX'));
});

test('the nearest name is found through case, separators, swaps and omissions, or not at all', (t) => {
  const names = ['ingestPort', 'queryPort', 'host'];
  t.is(nearest('ingest_port', names), 'ingestPort');
  t.is(nearest('hots', names), 'host');
  t.is(nearest('query', names), 'queryPort');
  t.is(nearest('zzz', names), undefined);
  t.is(nearest('x'.repeat(100_000), names), undefined);
});

interface Input extends Omit<ConfigInput, 'file'> {
  /** The text of the file. */
  readonly file?: string;
}

function load(t: ExecutionContext, { file, ...input }: Input) {
  const cwd = folder(t);
  if (file !== undefined) writeFileSync(join(cwd, 'streamgauge.yaml'), file);
  return loadConfig({ cwd, env: {}, ...input });
}

function usable(t: ExecutionContext, input: Input) {
  const loaded = load(t, input);
  if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join('\n'));
  return loaded.value;
}

function problems(t: ExecutionContext, input: Input): string[] {
  const loaded = load(t, input);
  t.false(loaded.ok);
  return loaded.ok ? [] : loaded.error.map(formatProblem);
}

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}
