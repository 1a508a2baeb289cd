import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { formatProblem, loadConfig } from '../../src/config.ts';

const SECRET = 'a secret that all nodes have';
const LOG = 'log: {type: kafka, kafka: {brokers: [kafka:9092]}}';
const ARCHIVE = 'archive: {local: {dir: ../archive}}';
const NODE = `cluster: {enabled: true, url: "http://node-1:8081", secret: ${SECRET}}`;

test('a server is alone unless it is said to be a node', (t) => {
  const loaded = load(t, '');
  t.deepEqual(loaded.ok && loaded.value.config.cluster, { enabled: false });
  const later = load(t, 'cluster: {enabled: false, node: a, url: "http://a"}');
  t.deepEqual(later.ok && later.value.config.cluster, { enabled: false });
});

test('a node has the name of its host unless it is given another', (t) => {
  const node = configOf(t, [LOG, ARCHIVE, NODE]).cluster;
  t.like(node, { enabled: true, node: hostname(), url: 'http://node-1:8081', secret: SECRET });
  const named = NODE.replace('{', '{node: node-1.example, ');
  t.like(configOf(t, [LOG, ARCHIVE, named]).cluster, { node: 'node-1.example' });
});

test('a group without "enabled" is refused: a server that is alone would take the topic for its own', (t) => {
  t.regex(
    problemsOf(t, [LOG, 'cluster: {node: a}']).join(),
    /cluster\.enabled: expected true, because/,
  );
});

test('a node needs to know how others reach it, and by what they know it', (t) => {
  const problems = problemsOf(t, [LOG, ARCHIVE, 'cluster: {enabled: true}']);
  t.regex(problems[0] ?? '', /cluster\.url: expected how other nodes reach this one/);
  t.regex(problems[1] ?? '', /cluster\.secret: expected exactly one of "secret" and "secretFile"/);
  const both = NODE.replace('}', ', secretFile: secret}');
  t.regex(problemsOf(t, [LOG, ARCHIVE, both]).join(), /cluster\.secret: expected exactly one/);
});

const WRONG = {
  'cluster.url': ['node-1:8081', 'http://node-1/path', 'ftp://node-1', 'http://user@node-1'],
  'cluster.node': ['"with space"', 'a/b', '""'],
  'cluster.secret': ['short', '""', 'of sixteen letters, none of them ä'],
};
for (const [key, values] of Object.entries(WRONG)) {
  for (const value of values) {
    test(`refused as ${key}: ${value}`, (t) => {
      const name = key.split('.')[1];
      const given = ['enabled: true', 'url: "http://a"', `secret: ${SECRET}`].filter(
        (each) => !each.startsWith(`${name}:`),
      );
      const cluster = `cluster: {${[...given, `${name}: ${JSON.stringify(value).replaceAll('\\"', '')}`].join(', ')}}`;
      t.regex(problemsOf(t, [LOG, ARCHIVE, cluster]).join(), new RegExp(`${key}: expected`));
    });
  }
}

test('all nodes use one topic, one archive and its checkpoints', (t) => {
  t.regex(problemsOf(t, [ARCHIVE, NODE]).join(), /log\.type: expected "kafka" with cluster\.ena/);
  t.regex(problemsOf(t, [LOG, NODE]).join(), /archive: expected "webhdfs", "s3", or a "local" fo/);
  const inside = 'archive: {local: {dir: data/archive}}';
  t.regex(problemsOf(t, [LOG, NODE, inside]).join(), /folder outside of dataDir that all nodes/);
  const none = 'archive: {enabled: false}';
  t.regex(problemsOf(t, [LOG, NODE, none]).join(), /archive\.enabled: expected true with cluster/);
  const without = 'checkpoints: {enabled: false}';
  t.regex(problemsOf(t, [LOG, ARCHIVE, NODE, without]).join(), /checkpoints\.enabled: expected tr/);
});

test('the secret is nowhere to be read, and its file starts at the folder of the configuration', (t) => {
  const loaded = load(t, [LOG, ARCHIVE, NODE].join('\n'));
  t.true(loaded.ok);
  t.false(JSON.stringify(loaded.ok && loaded.value.asValues).includes(SECRET));
  t.false(String(loaded.ok && loaded.value.asYaml).includes(SECRET));
  const ofFile = (name: string) => NODE.replace(/secret: .*\}/, `secretFile: ${name}}`);
  const { cluster } = configOf(t, [LOG, ARCHIVE, ofFile('secret')]);
  t.regex((cluster.enabled && cluster.secretFile) || '', /^\/.*\/secret$/);
  t.regex(
    problemsOf(t, [LOG, ARCHIVE, ofFile('short')]).join(),
    /cluster\.secretFile: expected a file that holds 16 to 1,024 printable/,
  );
  t.regex(
    problemsOf(t, [LOG, ARCHIVE, ofFile('none')]).join(),
    /cluster\.secretFile: expected a file that can be read \(ENOENT\)/,
  );
  t.regex(problemsOf(t, [LOG, ARCHIVE, ofFile('data')]).join(), /can be read \(EISDIR\)/);
});

test('an archive is outside of the data folder where it is, not where links to it are', (t) => {
  const archiveIn = (dir: string) => [LOG, NODE, `archive: {local: {dir: ${dir}}}`];
  t.regex(problemsOf(t, archiveIn('link/archive')).join(), /archive: expected .* outside of data/);
  t.is(configOf(t, archiveIn('data/elsewhere')).cluster.enabled, true);
});

function configOf(t: ExecutionContext, lines: readonly string[]) {
  const loaded = load(t, lines.join('\n'));
  if (!loaded.ok) throw new Error(loaded.error.map(formatProblem).join('\n'));
  return loaded.value.config;
}

function problemsOf(t: ExecutionContext, lines: readonly string[]): string[] {
  const loaded = load(t, lines.join('\n'));
  return loaded.ok ? [] : loaded.error.map(formatProblem);
}

function load(t: ExecutionContext, file: string) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), `${file}\n`);
  writeFileSync(join(cwd, 'secret'), `${SECRET}\n`);
  writeFileSync(join(cwd, 'short'), 'short');
  mkdirSync(join(cwd, 'data'));
  mkdirSync(join(cwd, 'mounted'));
  symlinkSync(join(cwd, 'data'), join(cwd, 'link'));
  symlinkSync(join(cwd, 'mounted'), join(cwd, 'data/elsewhere'));
  return loadConfig({ cwd, env: {} });
}
