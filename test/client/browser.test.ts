/** The client of pages as it is built; what it does in a browser is told by `test/browser`. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import test from 'ava';

const BUILD = fileURLToPath(new URL('../../bin/build-client.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GZIPPED_BYTES_MAX = 6_500;

test('the script is one file of less than 6.5 KB, and the package is whole', async (t) => {
  const out = await mkdtemp(join(tmpdir(), 'streamgauge-client-'));
  t.teardown(() => rm(out, { recursive: true }));
  execFileSync(process.execPath, [BUILD, '--out', out, '--package']);
  const script = await readFile(join(out, 'client.js'));
  const bytes = gzipSync(script, { level: 9 }).length;
  t.true(bytes < GZIPPED_BYTES_MAX, `${bytes} bytes`);
  t.notRegex(script.toString(), /\b(import|require)\s*[("']/);
  const manifest = JSON.parse(await readFile(join(out, 'package/package.json'), 'utf8'));
  t.false('dependencies' in manifest);
  for (const entry of Object.values<Record<string, string>>(manifest.exports['.'])) {
    for (const file of Object.values(entry)) {
      t.true((await readFile(join(out, 'package', file))).length > 0, file);
    }
  }
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  t.is(manifest.version, version);
  // As who has installed it would.
  const node: typeof import('../../src/client/node/index.ts') = await import(
    join(out, 'package', manifest.exports['.'].node.default)
  );
  const client = node.createClient({ url: 'http://127.0.0.1:1', consent: false });
  t.false(client.track('a'));
});
