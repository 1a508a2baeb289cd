/** What is left open of a file of which only the beginning is read. */
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { headOf } from '../../../src/cli/bulk/text-lines.ts';

test('a file of which the beginning was read is closed, packed or not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-text-lines-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'access.log');
  const text = Buffer.alloc(2 ** 20, 'a line\n');
  for (const bytes of [text, gzipSync(text, { level: 0 })]) {
    writeFileSync(path, bytes);
    const input = createReadStream(path);
    const head = await headOf(input, path, 4_096);
    t.deepEqual(head, text.subarray(0, 4_096));
    t.true(input.destroyed);
    if (!input.closed) await once(input, 'close');
  }
});
