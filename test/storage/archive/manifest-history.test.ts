import test from 'ava';
import { EMPTY_MANIFEST, type ManifestVersion } from '../../../storage/archive/manifest.ts';
import { manifestHistory } from '../../../storage/archive/manifest-history.ts';
import { ManifestSum } from '../../../storage/archive/manifest-sum.ts';
import { claimOf, fileOf, versionAfter } from './versions.ts';

/** A claim, and versions 2 to 6 with a file each. */
function chain() {
  const sum = new ManifestSum(EMPTY_MANIFEST);
  const versions = new Map<number, ManifestVersion>();
  const add = (version: ManifestVersion) => {
    sum.add(version);
    versions.set(version.version, version);
  };
  add(claimOf(sum.manifest, 'j'));
  for (let from = 0; from < 500; from += 100) {
    add(
      versionAfter(sum.manifest, {
        positions: { 0: from + 100 },
        add: [fileOf(0, from, from + 100)],
      }),
    );
  }
  return { manifest: sum.manifest, versions };
}

test('versions come newest first, page by page, with what each changed', async (t) => {
  const { manifest, versions } = chain();
  const read = async (version: number) => versions.get(version);
  const page = await manifestHistory(read, manifest, { first: 4 });
  t.like(page, { version: 6, epoch: 1, hasMore: true });
  t.deepEqual(
    page.versions.map(({ version }) => version),
    [6, 5, 4, 3],
  );
  t.like(page.versions[0], { change: 'segments', filesAdded: 1, rowsAdded: 1, bytesAdded: 10 });
  const rest = await manifestHistory(read, manifest, { first: 4, before: 3 });
  t.deepEqual(
    rest.versions.map(({ version, change }) => [version, change]),
    [
      [2, 'segments'],
      [1, 'claim'],
    ],
  );
  t.false(rest.hasMore);
});

test('the history ends where versions have been summed up and removed', async (t) => {
  const { manifest, versions } = chain();
  versions.delete(3);
  const read = async (version: number) => versions.get(version);
  const page = await manifestHistory(read, manifest, { first: 10 });
  t.deepEqual(
    page.versions.map(({ version }) => version),
    [6, 5, 4],
  );
  t.false(page.hasMore);
});

test('an archive that nobody has claimed has no history', async (t) => {
  const read = async () => undefined;
  const page = await manifestHistory(read, EMPTY_MANIFEST, { first: 10 });
  t.like(page, { version: 0, owner: undefined, versions: [], hasMore: false });
  await t.throwsAsync(manifestHistory(read, EMPTY_MANIFEST, { first: 1, before: 0 }));
});
