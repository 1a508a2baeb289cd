/**
 * Places on an event's way into the archive where a server can be told to die by its own hand: before, in and after each step
 * that somebody else could see half done.
 */
import type { PlantedChange } from './mutants.ts';

/** At which passing of the point the server dies, counted from its start. */
export const PASS_ENV = 'LOAD_TEST_FAULT_PASS';

export interface FaultPoint extends PlantedChange {
  /** How often about it is passed soon after a start: the passing to die at is drawn below it. */
  readonly passes: number;
}

/** Defined by the preload. */
const PASS = 'globalThis.passFaultPoint();';

const COMMIT = 'storage/archive/segment-commit.ts';
const MANIFEST = 'storage/archive/manifest-store.ts';
const DIRECTORY = 'storage/archive/local.ts';
const CUT = 'actors/archiver/cut.ts';
const CUT_LINE = 'actors/archiver/cut-line.ts';
const STAGED_AHEAD = 'actors/archiver/staged-ahead.ts';
const REWRITE = 'actors/archiver/hour-rewrite.ts';
const JOURNAL = 'storage/log/journal-writer.ts';

/** Statements before and after which it may die. */
function around(step: string, file: string, find: string, passes: number): FaultPoint[] {
  return [
    { name: `before ${step}`, file, find, replace: `${PASS} ${find}`, passes },
    after(`after ${step}`, file, find, passes),
  ];
}

function after(name: string, file: string, find: string, passes: number): FaultPoint {
  return { name, file, find, replace: `${find} ${PASS}`, passes };
}

const PUT = 'this.#archive.put(stagedPath(next, index), localPath)';

/** In an order in which one death leaves something to the start after it. */
export const FAULT_POINTS: readonly FaultPoint[] = [
  ...around(
    'staging',
    CUT_LINE,
    'const staged = await stageCut(tools, portion.stretch, policy, known);',
    2,
  ),
  // While the cut before it is sealed or committed.
  after('after staging ahead', STAGED_AHEAD, 'this.#isBegun = cut !== undefined;', 2),
  ...around(
    'sealing',
    CUT,
    'const sealed = await sealSegment(duck, staged, schema, localPath);',
    6,
  ),
  {
    ...{ name: 'before a put', file: COMMIT, find: PUT, passes: 6 },
    replace: `(globalThis.passFaultPoint(), ${PUT})`,
  },
  {
    ...{ name: 'after a put', file: COMMIT, find: PUT, passes: 6 },
    replace: `${PUT}.then(() => globalThis.passFaultPoint())`,
  },
  after('in a put or the creation of a version', DIRECTORY, 'await fill(temporary);', 9),
  ...around(
    'the creation of a version',
    MANIFEST,
    'const outcome = await this.#create(version);',
    3,
  ),
  ...around('the settling at a claim', MANIFEST, 'if (!(await this.#settleNewest())) continue;', 1),
  ...around('a move', COMMIT, 'await archive.move(staged, path);', 6),
  ...around(
    'the creation of a claim',
    MANIFEST,
    "if ((await this.#create(claim)) === 'created') {",
    1,
  ),
  after('in a move', DIRECTORY, 'await linkOnce(source, target);', 6),
  ...around('the sweep at a claim', COMMIT, 'await committer.sweep();', 1),
  ...around('the publication of positions', CUT_LINE, 'this.#moveOn(cut.stretch);', 2),
  ...around(
    'the creation of a checkpoint',
    MANIFEST,
    'await this.#archive.create(checkpointPath(manifest.version), bytes);',
    1,
  ),
  ...around(
    'the merging of files',
    REWRITE,
    'const made = await withDuck(this.#tools, rewrite);',
    2,
  ),
  ...around(
    'the version of a compaction',
    REWRITE,
    'if (!(await hours.replace({ change: this.#rewriting.change, add, remove }))) return undefined;',
    1,
  ),
  ...around('the deletion of a removed file', COMMIT, 'await this.#archive.remove(path);', 3),
  ...around('the deletion of a log file', JOURNAL, 'await rm(oldest.path, { force: true });', 2),
];

/** What a server does now and then it does often, so that crashes meet it. */
export const HURRIES: readonly PlantedChange[] = [
  {
    name: 'log shortened often',
    file: 'src/retention.ts',
    find: 'const RETENTION_INTERVAL_MS = 5_000;',
    replace: 'const RETENTION_INTERVAL_MS = 100;',
  },
  {
    name: 'cuts looked for often',
    file: 'actors/archiver/limits.ts',
    find: 'LOOK_INTERVAL_MS = 1_000;',
    replace: 'LOOK_INTERVAL_MS = 50;',
  },
  {
    name: 'hours compacted before they are over',
    file: 'actors/archiver/limits.ts',
    find: 'CROWDED_FILES = 1_000;',
    replace: 'CROWDED_FILES = 8;',
  },
  {
    name: 'checkpoints made often',
    file: 'storage/limits.ts',
    find: 'MANIFEST_CHECKPOINT_VERSIONS = 64;',
    replace: 'MANIFEST_CHECKPOINT_VERSIONS = 8;',
  },
];
