import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { beginLocalArchive, openLocalArchive } from '../../storage/archive/local.ts';
import { ManifestStore } from '../../storage/archive/manifest-store.ts';
import { fileOf, schemaOf } from '../hive/archive-fixture.ts';
import { silent } from '../storage/archive/silent.ts';
import { runHeard } from './heard-terminal.ts';

test('the statements of every stream make its table and partitions, each ended', async (t) => {
  const { out, exitCode } = await run(await configFile(t), []);
  t.is(exitCode, 0);
  const statements = out.replaceAll(/^--.*$/gm, '').split(';\n');
  t.is(statements.pop()?.trim(), '');
  t.deepEqual(
    statements.map((text) => text.trim().split(/\s+/).slice(0, 2).join(' ')),
    Array(2).fill(['CREATE DATABASE', 'CREATE EXTERNAL', 'ALTER TABLE']).flat(),
  );
  t.regex(out, /`streamgauge_acme`\.`web_clicks`/);
  t.regex(out, /PARTITION \(dt = '2026-11-21', hour = '09'\) LOCATION 'file:\/\/\/.*hour=09'/);
});

test('a compacted hour is moved where Hive has it from before', async (t) => {
  const { out } = await run(await configFile(t, '', 'hour=08-c2/c0.parquet'), []);
  const moved = out.match(/ALTER TABLE .* SET LOCATION '.*'/g);
  t.is(moved?.length, 1);
  t.regex(moved?.[0] ?? '', /`views` PARTITION \(dt = '2026-11-21', hour = '08'\).*hour=08-c2'$/);
});

test('one stream, a prefix and the URL of Hive can be asked for', async (t) => {
  const { out } = await run(await configFile(t), [
    ...['--tenant', 'acme', '--stream', 'views', '--database-prefix', 'x_'],
    ...['--archive-url', 'hdfs://nn:8020/a'],
  ]);
  t.is(out.match(/CREATE EXTERNAL TABLE/g)?.length, 1);
  t.regex(out, /`x_acme`\.`views`/);
  t.regex(out, /\nLOCATION 'hdfs:\/\/nn:8020\/a\/tenant=acme\/stream=views'/);
});

test('the configuration of Hive says the prefix and the URL', async (t) => {
  const file = await configFile(t, 'hive: {host: h, databasePrefix: y_, archiveUrl: "s3a://b/a"}');
  const { out } = await run(file, []);
  t.regex(out, /`y_acme`\.`views`[^;]*\nLOCATION 's3a:\/\/b\/a\/tenant=acme\/stream=views'/);
});

test('a stream that is not there is an error', async (t) => {
  const { out, err, exitCode } = await run(await configFile(t), ['--stream', 'none']);
  t.is(exitCode, 1);
  t.is(out, '');
  t.regex(err, /has no such stream/);
});

/** Of an archive with two streams and three hours. `place`: of the file of one of them. */
async function configFile(t: ExecutionContext, hive = '', place?: string): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'streamgauge-hive-cli-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  await beginLocalArchive(join(dir, 'archive'));
  const archive = openLocalArchive(join(dir, 'archive'));
  const store = new ManifestStore({
    archive,
    clock: { now: () => 0 },
    log: silent,
    settle: async () => {},
  });
  await store.claim({ owner: { journal: 'j', host: 'h', pid: 1 } });
  const [clicks, views] = [schemaOf('acme', 'web-clicks', ['path']), schemaOf('acme', 'views')];
  const view = fileOf(views, 0, { from: 500, to: 501 });
  const path = place === undefined ? view.path : view.path.replace(/hour=.*/, place);
  await store.commit(() => ({
    change: 'segments',
    positions: { 0: 1_000 },
    add: [fileOf(clicks, 0), fileOf(clicks, 1), { ...view, path }],
    remove: [],
    deleted: [],
    schemas: [clicks, views],
  }));
  await archive.close();
  const file = join(dir, 'streamgauge.yaml');
  writeFileSync(file, `archive:\n  local: {dir: archive}\n  ${hive}\n`);
  return file;
}

const run = (config: string, args: readonly string[]) =>
  runHeard('hive', 'ddl', '--config', config, ...args);
