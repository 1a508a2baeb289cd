import test from 'ava';
import { Hours } from '../../../actors/archiver/hours.ts';
import { type Ground, rebaseCut } from '../../../actors/archiver/rebase.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { isFault } from '../../../src/model/errors.ts';
import type { Manifest } from '../../../storage/archive/manifest.ts';
import { TEMPORARY_FOLDER } from '../../../storage/archive/paths.ts';
import type { SegmentCommit } from '../../../storage/archive/segment-commit.ts';
import { type ClusterReport, simulateCluster, type Wrong } from './cluster-simulation.ts';

/** CI looks at these; `node test/storage/archive/run-commits.ts --cluster --seeds 10000` at more. */
const SEEDS = 15;
/** Seeds until what is wrong has to be found. */
const WRONG_SEEDS = 30;

test('whatever nodes of a cluster die in, lose answers of or sleep through, each block is archived once and nobody sees what is not committed', async (t) => {
  const sum: ClusterReport = {
    ...{ versions: 0, deaths: 0, fenced: 0, dismissed: 0 },
    ...{ failed: 0, givenUp: 0, strays: 0 },
  };
  for (let seed = 0; seed < SEEDS; seed++) {
    try {
      const report = await simulateCluster(seed);
      sum.versions += report.versions;
      sum.deaths += report.deaths;
      sum.fenced += report.fenced;
      sum.dismissed += report.dismissed;
      sum.failed += report.failed;
      sum.givenUp += report.givenUp;
      sum.strays += report.strays;
    } catch (error) {
      t.log(`node test/storage/archive/run-commits.ts --cluster --seeds 1 --from ${seed}`);
      throw error;
    }
  }
  t.true(sum.versions > 20 * SEEDS, 'the simulation hardly archives any more');
  t.true(sum.deaths > 3 * SEEDS, 'the simulation hardly crashes any more');
  t.true(sum.fenced > SEEDS / 2, 'hardly a node is shut out any more');
  t.true(sum.dismissed > SEEDS / 2, 'hardly a node is taken for gone any more');
  t.true(sum.failed > SEEDS, 'hardly a call fails any more');
  t.true(sum.givenUp > 2 * SEEDS, 'hardly a node comes second any more');
  t.true(sum.strays > 0, 'no node sleeps for long any more');
});

type Again = (commit: SegmentCommit, before: Manifest, ground: Ground) => SegmentCommit | undefined;

/** Judges by itself what becomes of a cut that comes second. */
class CarelessHours extends Hours {
  readonly #again: Again;

  constructor({ committer }: Hours, clock: Clock, again: Again) {
    super(committer, clock);
    this.#again = again;
  }

  override async commit(commit: SegmentCommit): Promise<boolean> {
    const before = this.manifest;
    const version = await this.committer.commit(commit, (planned) => {
      const now = new Hours(this.committer, { now: () => 0 });
      return this.#again(planned, before, {
        manifest: now.manifest,
        version: this.committer.next.version,
        hourOf: (place) => now.of(place),
        folderFor: (place) => now.folderFor(place),
      });
    });
    await this.refresh();
    return version !== undefined;
  }
}

/** A cut that stands lies where it was to lie at first. */
const unmoved: Again = (commit, before, ground) => {
  const again = rebaseCut(commit, before, ground);
  const paths = commit.files.map(({ file }) => file.path);
  const files = again?.files.map((one, i) => ({
    ...one,
    file: { ...one.file, path: paths[i] ?? '' },
  }));
  return again && files && { ...again, files };
};

const WRONGS: readonly (readonly [string, Wrong])[] = [
  [
    'commits a cut although another node has archived the partition meanwhile',
    { hours: (hours, clock) => new CarelessHours(hours, clock, (commit) => commit) },
  ],
  [
    'puts files where their hour was before another node has compacted it',
    { hours: (hours, clock) => new CarelessHours(hours, clock, unmoved) },
  ],
  [
    'goes on from a version whose files it has not brought to their places',
    {
      archive: (archive) => ({
        ...archive,
        move: (from, to) => (to.length % 2 === 0 ? Promise.resolve() : archive.move(from, to)),
      }),
    },
  ],
  [
    'takes away files of a node that is not there just now, and may still write',
    {
      archive: (archive, isAlive) => ({
        ...archive,
        async create(path, bytes) {
          for (const { name } of await archive.list(TEMPORARY_FOLDER)) {
            const life = Number(name.split('-')[0]);
            if (!isAlive(life)) await archive.remove(`${TEMPORARY_FOLDER}/${name}`);
          }
          return archive.create(path, bytes);
        },
      }),
    },
  ],
];

for (const [what, wrong] of WRONGS) {
  test(`the simulation finds a node that ${what}`, async (t) => {
    let found: unknown;
    for (let seed = 0; found === undefined && seed < WRONG_SEEDS; seed++) {
      await simulateCluster(seed, wrong).catch((error: unknown) => {
        found = error;
      });
    }
    t.truthy(found, `${WRONG_SEEDS} seeds have not found it`);
    t.false(isFault(found, 'archive_fenced'));
    t.log(String(found).split('\n')[0]);
  });
}
