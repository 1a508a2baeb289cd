/** Faults of the way into the archive, each of which its torture has to find. */
import type { PlantedFault } from './mutants.ts';

export interface ArchiveMutant extends PlantedFault {
  /** The fault point at which the server dies for it to show; without one it shows while the server runs. */
  readonly diesAt?: { readonly point: string; readonly pass: number };
  /** It shows within seconds: the short form looks for it, too. */
  readonly isFast: boolean;
  /** Longer ones, if the fault shows sooner with them. */
  readonly cutAgeMaxMs?: number;
  readonly commitIntervalMs?: number;
}

export const ARCHIVE_MUTANTS: readonly ArchiveMutant[] = [
  {
    name: 'log-not-kept-for-archive',
    isFast: false,
    breaks: 'the log is kept until the archive has it',
    file: 'src/threads/progress.ts',
    find: 'Math.min(...needed, ...archived)',
    replace: 'Math.min(...needed)',
    cutAgeMaxMs: 10_000,
  },
  {
    name: 'positions-before-files',
    isFast: true,
    breaks: 'the positions of a cut and its files come into the manifest together',
    file: 'actors/archiver/cut-line.ts',
    find: '(await hours.commit({ positions: cut.stretch.to, files, schemas }));',
    replace:
      '(await hours.commit({ positions: cut.stretch.to, files: [], schemas: [] })) && ' +
      '(await hours.commit({ positions: new Map(), files, schemas }));',
    diesAt: { point: 'after the creation of a version', pass: 1 },
  },
  {
    name: 'verdicts-ignored',
    isFast: true,
    breaks: 'an event that was sent again is in the archive once',
    file: 'actors/archiver/staging.ts',
    find: 'stages.add(block, offset, verdict, schema);',
    replace: 'stages.add(block, offset, undefined, schema);',
  },
  {
    name: 'uncommitted-archived',
    isFast: false,
    breaks: 'only what is committed is archived: before that there are no verdicts',
    file: 'src/threads/archive.ts',
    find: "committedForGood: () => barrier.ask('barrier', undefined, BARRIER_TIMEOUT_MS),",
    replace: 'committedForGood: async () => [...journal.applied],',
    commitIntervalMs: 10_000,
  },
  {
    name: 'move-before-version',
    isFast: true,
    breaks: 'a file that can be seen is committed',
    file: 'storage/archive/segment-commit.ts',
    find: 'let planned: Commit | undefined = commit;',
    replace:
      'for (const [index, { file }] of files.entries()) await this.#archive.move(stagedPath(next, index), file.path); ' +
      'let planned: Commit | undefined = commit;',
    diesAt: { point: 'before the creation of a version', pass: 1 },
  },
  {
    name: 'deleted-before-version',
    isFast: true,
    breaks: 'files that are compacted away stay for whoever reads them',
    file: 'storage/archive/segment-commit.ts',
    find: 'let planned: Commit | undefined = commit;',
    replace:
      'for (const path of changeOf(commit)?.remove ?? []) await this.#archive.remove(path); ' +
      'let planned: Commit | undefined = commit;',
  },
  {
    name: 'input-left-out',
    isFast: true,
    breaks: 'a compacted hour has all events that it had before',
    file: 'actors/archiver/compaction.ts',
    find: 'const merged = await mergeSegments(duck, paths, schema, outPath);\n    const { rows } = totalOf(files);',
    replace:
      'const part = await mergeSegments(duck, paths.slice(1), schema, outPath);\n' +
      'const { rows } = totalOf(files); const merged = { ...part, rows };',
  },
  {
    name: 'late-files-beside',
    isFast: true,
    breaks: 'all files of an hour lie in one folder, the one that Hive has been told',
    file: 'actors/archiver/hours.ts',
    find: 'if (known !== undefined) return known.folder;',
    replace: 'if (known !== undefined) return hourFolder(place);',
  },
];
