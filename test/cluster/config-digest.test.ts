import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { configDigest } from '../../src/cluster/config-digest.ts';
import { type Config, loadConfig } from '../../src/config.ts';

test('nodes that were told of other sessions were not told the same', (t) => {
  const digests = ['30m', '10m'].map((gap) =>
    configDigest(configOf(t, `sessions: [{name: visits, gap: ${gap}}]`)),
  );
  t.is(new Set([...digests, configDigest(configOf(t, ''))]).size, 3);
});

test('a node without sessions agrees with those of a version that has none', (t) => {
  const config = configOf(t, '');
  const { partitions, rollups, alarms, dedup, limits, deadLetters, keys } = config;
  const { retention, removedKeptMs, compact } = config.archive;
  const before = {
    ...{ partitions, rollups, alarms, dedup, limits, deadLetters, keys },
    archive: { retention, removedKeptMs, compact },
  };
  t.is(configDigest(config), hash('sha256', JSON.stringify(before)).slice(0, 16));
});

function configOf(t: ExecutionContext, text: string): Config {
  const cwd = mkdtempSync(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'streamgauge.yaml'), text);
  const loaded = loadConfig({ cwd, env: {} });
  if (!loaded.ok) throw new Error('the configuration is refused');
  return loaded.value.config;
}
