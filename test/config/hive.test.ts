import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../src/config.ts';

test('a host is enough, and the password is not shown', (t) => {
  const loaded = load(t, '{host: h, password: open-sesame}');
  if (!loaded.ok) return t.fail(JSON.stringify(loaded.error));
  t.deepEqual(loaded.value.config.archive.hive, {
    host: 'h',
    port: 10_000,
    auth: 'plain',
    user: 'streamgauge',
    password: 'open-sesame',
    tls: false,
    databasePrefix: 'streamgauge_',
  });
  t.false(loaded.value.asYaml.includes('sesame'));
  t.false(JSON.stringify(loaded.value.asValues).includes('sesame'));
});

const WRONG = {
  '{port: 10000}': 'archive.hive.host',
  '{host: h, auth: kerberos}': 'archive.hive.auth',
  '{host: h, databasePrefix: Sg-}': 'archive.hive.databasePrefix',
  '{host: h, archiveUrl: "hdfs://nn/a/"}': 'archive.hive.archiveUrl',
  '{host: h, archiveUrl: /a}': 'archive.hive.archiveUrl',
  '{host: h, auth: nosasl, password: x}': 'archive.hive.password',
};
for (const [hive, key] of Object.entries(WRONG)) {
  test(`refused for ${key}: ${hive}`, (t) => {
    const loaded = load(t, hive);
    t.deepEqual(loaded.ok ? [] : loaded.error.map((problem) => problem.key), [key]);
  });
}

function load(t: ExecutionContext, hive: string) {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-config-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), `archive: {hive: ${hive}}\n`);
  return loadConfig({ cwd, env: {} });
}
