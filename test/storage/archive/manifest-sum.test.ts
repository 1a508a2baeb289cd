import test from 'ava';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import {
  EMPTY_MANIFEST,
  type Manifest,
  type ManifestVersion,
  SHARED_MANIFEST_FORMAT,
} from '../../../storage/archive/manifest.ts';
import { applyVersion, contradiction } from '../../../storage/archive/manifest-sum.ts';
import { claimOf, fileOf, versionAfter } from './versions.ts';

const claimed = applyVersion(EMPTY_MANIFEST, claimOf(EMPTY_MANIFEST, 'j'));
const schema = {
  tenant: 't',
  stream: 's',
  version: 1,
  columns: [{ name: 'a', field: 'A', kind: COLUMN_KIND.string }],
};
const filled = apply(claimed, {
  positions: { 0: 100, 1: 50 },
  add: [fileOf(0, 0, 100), fileOf(1, 0, 50)],
  schemas: [schema],
});
const shrunk = apply(filled, { change: 'erasure', remove: [fileOf(1, 0, 50).path] });

function apply(manifest: Manifest, change: Partial<ManifestVersion>): Manifest {
  return applyVersion(manifest, versionAfter(manifest, change));
}

test('versions add up, and leave what they were added to as it was', (t) => {
  t.deepEqual(
    [...filled.positions],
    [
      [0, 100],
      [1, 50],
    ],
  );
  t.is(filled.files.size, 2);
  t.is(claimed.files.size, 0);
  t.deepEqual([...shrunk.removed.keys()], [fileOf(1, 0, 50).path]);
  t.is(shrunk.files.size, 1);
  const deleted = apply(shrunk, { deleted: [fileOf(1, 0, 50).path] });
  t.is(deleted.removed.size, 0);
  t.is(deleted.schemas.get('t/s')?.version, 1);
});

test('another log that takes the archive over begins without positions, and keeps the files', (t) => {
  const again = applyVersion(filled, claimOf(filled, 'j'));
  t.deepEqual(again.positions, filled.positions);
  const taken = applyVersion(filled, claimOf(filled, 'other'));
  t.is(taken.positions.size, 0);
  t.is(taken.files.size, 2);
});

test('another log that goes on with the archive may say where in it that ends', (t) => {
  const claim = { ...claimOf(filled, 'topic'), positions: { 0: 1_000, 3: 2_000 } };
  t.deepEqual(
    [...applyVersion(filled, claim).positions],
    [
      [0, 1_000],
      [3, 2_000],
    ],
  );
});

/** Of the nodes 100 and 101 of a cluster, which have claimed what a server had alone. */
const shared = [100, 101].reduce(
  (manifest, life) =>
    apply(manifest, { format: SHARED_MANIFEST_FORMAT, change: 'claim', epoch: life }),
  filled,
);
const byNode = (change: Partial<ManifestVersion>): Partial<ManifestVersion> => ({
  format: SHARED_MANIFEST_FORMAT,
  epoch: 100,
  ...change,
});

test('nodes of a cluster are admitted one by one, write in any order, and are dismissed', (t) => {
  t.deepEqual([...(shared.writers ?? [])], [100, 101]);
  t.deepEqual(shared.positions, filled.positions);
  const cut = byNode({ positions: { 0: 200 }, after: { 0: 100 }, add: [fileOf(0, 100, 200)] });
  const behind = apply(shared, cut);
  t.is(behind.positions.get(0), 200);
  t.is(behind.epoch, 101);
  const other = byNode({ epoch: 101, positions: { 1: 60 }, after: { 1: 50 } });
  t.is(apply(behind, other).positions.get(1), 60);
  const dismissed = apply(behind, byNode({ change: 'dismissal', dismissed: [101] }));
  t.deepEqual([...(dismissed.writers ?? [])], [100]);
  t.is(
    contradiction(dismissed, versionAfter(dismissed, other)),
    'expected a life that is admitted, received 101',
  );
  const again = apply(dismissed, byNode({ change: 'claim', epoch: 101 }));
  t.deepEqual([...(again.writers ?? [])], [100, 101]);
});

test('a server that claims the archive of a cluster has it alone, with an epoch above all lives', (t) => {
  const alone = applyVersion(shared, claimOf(shared, 'j'));
  t.is(alone.writers, undefined);
  t.is(alone.epoch, 102);
  t.regex(
    contradiction(alone, versionAfter(alone, byNode({ positions: { 0: 200 } }))) ?? '',
    /has the archive alone, received a node/,
  );
});

const WRONG: readonly (readonly [string, Manifest, Partial<ManifestVersion>, RegExp])[] = [
  ['leaves one out', claimed, { version: 3 }, /expected version 2, received 3/],
  ['has an older epoch', claimed, { epoch: 0 }, /expected epoch 1, received 0/],
  ['claims with the epoch there is', claimed, { change: 'claim' }, /a claim of epoch 2/],
  [
    'claims and moves on at once',
    claimed,
    { change: 'claim', epoch: 2, positions: { 0: 3 } },
    /a claim that changes only the owner/,
  ],
  [
    'is of nobody who has claimed',
    claimed,
    { owner: { journal: 'j', host: 'h', pid: 99 } },
    /expected the owner/,
  ],
  [
    'is of a node that was not admitted',
    shared,
    byNode({ epoch: 102 }),
    /expected a life that is admitted, received 102/,
  ],
  [
    "is of a server that has not claimed what is a cluster's",
    shared,
    { epoch: 100 },
    /expected a node of the cluster/,
  ],
  [
    'is of a node, and of another log',
    shared,
    byNode({ owner: { journal: 'other', host: 'h', pid: 1 } }),
    /expected the log j, received other/,
  ],
  [
    'goes on from where the partition ended before another node',
    shared,
    byNode({ positions: { 0: 200 }, after: { 0: 90 } }),
    /expected partition 0 to go on from 100, received 90/,
  ],
  [
    'does not say from where a node goes on',
    shared,
    byNode({ positions: { 0: 200 } }),
    /expected partition 0 to go on from 100/,
  ],
  [
    'dismisses its own node',
    shared,
    byNode({ change: 'dismissal', dismissed: [100] }),
    /expected to dismiss others/,
  ],
  [
    'dismisses who was not admitted',
    shared,
    byNode({ change: 'dismissal', dismissed: [7] }),
    /expected an admitted life, received 7/,
  ],
  [
    'dismisses beside a cut',
    shared,
    byNode({ dismissed: [101] }),
    /expected a dismissal to dismiss/,
  ],
  ['goes back', filled, { positions: { 0: 99 } }, /expected partition 0 behind 100, received 99/],
  ['stays where it was', filled, { positions: { 0: 100 } }, /expected partition 0 behind 100/],
  [
    'adds what was there',
    filled,
    { change: 'erasure', add: [fileOf(0, 0, 100)] },
    /expected a new path/,
  ],
  [
    'adds a path twice',
    filled,
    { positions: { 0: 200 }, add: [fileOf(0, 100, 200), fileOf(0, 100, 200)] },
    /expected to add each path once/,
  ],
  [
    'adds the path of a file that is still to be deleted',
    shrunk,
    { change: 'erasure', add: [fileOf(1, 0, 50)] },
    /expected a path other than the removed/,
  ],
  [
    'adds blocks that were archived before',
    filled,
    { positions: { 0: 200 }, add: [fileOf(0, 90, 200)] },
    /between 100 and 200, received 90 to 200/,
  ],
  [
    'adds blocks behind its positions',
    filled,
    { positions: { 0: 200 }, add: [fileOf(0, 100, 210)] },
    /between 100 and 200, received 100 to 210/,
  ],
  [
    'compacts rows away',
    filled,
    { change: 'compaction', remove: [fileOf(1, 0, 50).path] },
    /expected 1 compacted rows, received 0/,
  ],
  ['removes what is not there', filled, { remove: ['tenant=x/y'] }, /received tenant=x\/y/],
  [
    'removes twice',
    filled,
    { remove: [fileOf(0, 0, 100).path, fileOf(0, 0, 100).path] },
    /remove each path once/,
  ],
  ['deletes what is in use', filled, { deleted: [fileOf(0, 0, 100).path] }, /expected to delete/],
  [
    'has a schema without a change of its version',
    filled,
    { schemas: [schema] },
    /expected the schema of t\/s to grow/,
  ],
  [
    'gives a column another kind',
    filled,
    { schemas: [{ ...schema, version: 2, columns: [{ name: 'a', field: 'A', kind: 2 }] }] },
    /expected the schema of t\/s to grow/,
  ],
  [
    'has a file of a schema that nobody knows',
    filled,
    { positions: { 0: 200 }, add: [{ ...fileOf(0, 100, 200), schema: 2 }] },
    /expected schema 2 of t\/s/,
  ],
];

for (const [title, manifest, change, says] of WRONG) {
  test(`a version does not follow that ${title}`, (t) => {
    const version = versionAfter(manifest, change);
    t.regex(contradiction(manifest, version) ?? '', says);
    t.throws(() => applyVersion(manifest, version), { message: says });
  });
}
