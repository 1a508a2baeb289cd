/** What of a file is sent of which nobody knows whether it was sent before. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { AskedIds } from '../../../src/cli/bulk/arrived-ids.ts';
import { ndjson } from '../../../src/cli/bulk/event-object.ts';
import { type Batch, batchesOf } from '../../../src/cli/bulk/import-file.ts';

test('of records in doubt those that have not arrived are sent, and what is no JSON', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-import-file-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'events.ndjson');
  const lines = [
    '{"type":"settled"}',
    '{"type":"arrived"}',
    '{"id":"mine","type":"arrived"}',
    'no JSON',
    'null',
    '{"type":"lost"}',
    '{"type":"behind"}',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  const settings = {
    type: undefined,
    typeField: undefined,
    timeField: undefined,
  };
  const counts = { settled: 1, sentMax: 6, accepted: 0, refused: 0, unreadable: 0 };
  const progress = { number: 0, path, headBytes: 0, headHash: '', ...counts };
  const place = { path, isNamed: true, inode: 1 };
  const file = { ...place, bytes: 1, modifiedMs: 0, head: Buffer.alloc(0), progress };
  const asked: AskedIds[] = [];
  const ask = async (ids: AskedIds) => {
    asked.push(ids);
    return new Set('ids' in ids ? ['mine'] : ['run.000.0000001']);
  };
  const batches: Batch[] = [];
  for await (const batch of batchesOf(file, ndjson(settings), 'run', ask)) {
    batches.push(batch);
  }
  t.deepEqual(asked, [{ from: 'run.000.0000001', to: 'run.000.0000006' }, { ids: ['mine'] }]);
  t.is(batches.length, 1);
  t.like(batches[0], { arrived: 2, end: 7, records: [3, 4, 5, 6] });
  t.deepEqual(`${batches[0]?.body}`.split('\n'), [
    'no JSON',
    'null',
    '{"id":"run.000.0000005","type":"lost"}',
    '{"id":"run.000.0000006","type":"behind"}',
    '',
  ]);
});
