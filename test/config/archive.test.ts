import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../src/config.ts';
import { DAY_MS, MINUTE_MS } from '../../src/model/units.ts';

test('hours are compacted by default, kept for good, and old files stay for ten minutes', (t) => {
  const loaded = load(t, '{}');
  if (!loaded.ok) return t.fail(JSON.stringify(loaded.error));
  const { compact, retention, removedKeptMs } = loaded.value.config.archive;
  t.deepEqual(compact, { enabled: true, fileBytes: 256 * 2 ** 20, afterMs: 15 * MINUTE_MS });
  t.deepEqual(retention, { overrides: [] });
  t.is(Number(removedKeptMs), 10 * MINUTE_MS);
});

test('how long a stream is kept is said in any unit, and by tenant and stream', (t) => {
  const overrides = '[{tenant: acme, stream: debug, keepMs: 30d}, {stream: sub.ject}]';
  const loaded = load(t, `{retention: {keepMs: 400d, overrides: ${overrides}}}`);
  if (!loaded.ok) return t.fail(JSON.stringify(loaded.error));
  t.deepEqual(loaded.value.config.archive.retention, {
    keepMs: 400 * DAY_MS,
    overrides: [{ tenant: 'acme', stream: 'debug', keepMs: 30 * DAY_MS }, { stream: 'sub.ject' }],
  });
});

const WRONG = {
  '{retention: {keepMs: 59m}}': 'archive.retention.keepMs',
  '{retention: {overrides: [{keepMs: forever}]}}': 'archive.retention.overrides[0].keepMs',
  '{retention: {overrides: [{tenant: a/b}]}}': 'archive.retention.overrides[0].tenant',
  '{retention: {overrides: [{stream: -a}]}}': 'archive.retention.overrides[0].stream',
  '{s3: {bucket: b, accessKeyId: k}}': 'archive.s3',
  '{compact: {fileBytes: 1 KiB}}': 'archive.compact.fileBytes',
  '{removedKeptMs: 0}': 'archive.removedKeptMs',
};
for (const [archive, key] of Object.entries(WRONG)) {
  test(`refused for ${key}: ${archive}`, (t) => {
    const loaded = load(t, archive);
    t.deepEqual(loaded.ok ? [] : loaded.error.map((problem) => problem.key), [key]);
  });
}

test('places that exclude each other are told beside values that are wrong', (t) => {
  const loaded = load(
    t,
    '{local: {dir: a}, s3: {bucket: b, secretAccessKey: k}, removedKeptMs: 0}',
  );
  t.deepEqual(loaded.ok ? [] : loaded.error.map(({ key, message }) => `${key} ${message}`), [
    'archive.s3 expected one of "local", "webhdfs" and "s3", there is "local" already',
    'archive.s3 expected both of "accessKeyId" and "secretAccessKey", or neither',
    'archive.removedKeptMs expected milliseconds from 1,000 to 2,592,000,000, or a duration such as "2s"',
  ]);
});

function load(t: ExecutionContext, archive: string) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), `archive: ${archive}\n`);
  return loadConfig({ cwd, env: {} });
}
