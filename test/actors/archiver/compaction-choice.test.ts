import test from 'ava';
import fc from 'fast-check';
import {
  compactionDueMs,
  filesSaved,
  groupFiles,
} from '../../../actors/archiver/compaction-choice.ts';
import type { Hour } from '../../../actors/archiver/hours.ts';
import { GROUP_FILES_MAX } from '../../../actors/archiver/limits.ts';
import { HOUR_MS, MINUTE_MS } from '../../../src/model/units.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { hourFolder } from '../../../storage/archive/segment-path.ts';

const PLACE = { tenant: 't', stream: 's', hourMs: 0 };
const POLICY = { enabled: true, fileBytes: 1_000, afterMs: 10 * MINUTE_MS };
const NEVER = Number.POSITIVE_INFINITY;

const filesOf = (sizes: readonly number[]): SegmentFile[] =>
  sizes.map((bytes, i) => ({
    ...{ ...PLACE, path: `f${i}`, partition: 0, from: i * 10, to: i * 10 + 10 },
    ...{ rows: 1, bytes, tsMinMs: 0, tsMaxMs: 0, schema: 1 },
  }));

const hourOf = (sizes: readonly number[], rest: Partial<Hour> = {}): Hour => ({
  ...PLACE,
  folder: hourFolder(PLACE),
  files: new Map(filesOf(sizes).map((file) => [file.path, file])),
  changedMs: 0,
  revision: 0,
  ...rest,
});

test('an hour is due when it has been over for long enough, and would have fewer files', (t) => {
  t.is(compactionDueMs(hourOf([10, 10]), POLICY), HOUR_MS + POLICY.afterMs);
  t.is(compactionDueMs(hourOf([10]), POLICY), NEVER);
  t.is(compactionDueMs(hourOf([2_000, 1_500, 10]), POLICY), NEVER);
  t.is(compactionDueMs(hourOf([900, 900]), POLICY), NEVER);
});

test('a file that comes late puts an hour off, unless many have come since it was compacted', (t) => {
  const changedMs = 5 * HOUR_MS;
  const folder = `${hourFolder(PLACE)}-c7`;
  const few = hourOf([900, 10, 10], { folder, changedMs });
  t.is(compactionDueMs(few, POLICY), changedMs + POLICY.afterMs);
  const many = hourOf([900, ...new Array<number>(9).fill(1)], { folder, changedMs });
  t.is(compactionDueMs(many, POLICY), HOUR_MS + POLICY.afterMs);
});

test('an hour with very many files is not waited for', (t) => {
  t.is(compactionDueMs(hourOf(new Array<number>(1_000).fill(10)), POLICY), 0);
});

test('files of different schemas stay apart: what one has a column for is rare in the other', (t) => {
  const files = filesOf([10, 20, 30, 40]).map((file, i) => ({ ...file, schema: i < 3 ? 1 : 2 }));
  t.deepEqual(
    groupFiles(files, POLICY.fileBytes).map((group) => group.map(({ path }) => path)),
    [['f0', 'f1', 'f2'], ['f3']],
  );
  t.is(filesSaved(files, POLICY.fileBytes), 2);
});

test('groups hold each file once, are as many as was said, and none is twice too large', (t) => {
  const sizes = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 600 });
  fc.assert(
    fc.property(sizes, (bytes) => {
      const files = filesOf(bytes);
      const groups = groupFiles(files, POLICY.fileBytes);
      t.deepEqual(
        groups.flat().toSorted((a, b) => a.from - b.from),
        files,
      );
      t.is(files.length - groups.length, filesSaved(files, POLICY.fileBytes));
      for (const group of groups) {
        t.true(group.length <= GROUP_FILES_MAX);
        const sum = group.reduce((all, file) => all + file.bytes, 0);
        t.true(group.length === 1 || sum < 2 * POLICY.fileBytes);
      }
    }),
  );
});
