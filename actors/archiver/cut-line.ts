/**
 * Cuts one behind the other: staged on this thread, sealed by DuckDB, committed. While one is sealed and committed the next is staged, on
 * what the archive will be after it; if that comes to be otherwise it is thrown away. Commits keep the order of the log.
 */
import { join } from 'node:path';
import type { Clock } from '../../src/model/clock.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { NewSegment } from '../../storage/archive/segment-commit.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import { knownFreeBytes } from '../../storage/free-bytes.ts';
import type { Statements } from '../../storage/segments/duckdb.ts';
import type { Backlog, Wanted } from './backlog.ts';
import { sealCut } from './cut.ts';
import type { Hours } from './hours.ts';
import { EMPTY_COMMIT_BYTES, STAGED_AHEAD_ROOM } from './limits.ts';
import type { CutBounds, Schemas } from './plan.ts';
import { discard, StagedAhead } from './staged-ahead.ts';
import { type StagedCut, type StagingTools, stageCut } from './staging.ts';
import { withDuck } from './stoppable-duck.ts';
import type { Stretch } from './walk.ts';

export interface CutLineOptions extends Omit<StagingTools, 'folder'> {
  readonly openDuck: () => Promise<Statements>;
  readonly hours: Hours;
  readonly backlog: Backlog;
  /** How many bytes lie between two offsets of each partition that are so far apart. */
  readonly logBytes: (distances: Iterable<number>) => number;
  readonly policy: CutBounds;
  readonly workDir: string;
  /** Of the disk of `workDir`, that stay free. */
  readonly diskReserveBytes: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The archive ends behind a cut now, or behind log that holds no events. */
  readonly onMoved: () => void;
}

/** What may be cut next. */
export interface Portion {
  readonly stretch: Stretch;
  readonly wanted: Wanted;
}

/** `ahead`: the cut that is being sealed, behind which the next is staged; undefined: none is. Answers undefined if that is all for now. */
export type NextPortion = (ahead: Stretch | undefined) => Promise<Portion | undefined>;

interface Cut extends StagedCut {
  readonly wanted: Wanted;
  readonly startedMs: number;
}

const NO_CUTS = { cuts: 0, filesWritten: 0, rowsWritten: 0, bytesWritten: 0, workMsTotal: 0 };

export class CutLine {
  readonly #options: CutLineOptions;
  readonly #counts = { ...NO_CUTS };
  #staged = 0;
  /** When the last cut was made. */
  #madeMs = 0;
  #archivedArrivalMs = 0;

  constructor(options: CutLineOptions) {
    this.#options = options;
  }

  /** Since the thread's start. */
  get counts(): Readonly<typeof NO_CUTS> {
    return { ...this.#counts };
  }

  /** When the newest event of the last cut arrived; 0: none was made yet. Whatever waits has come later, or a moment before. */
  get archivedArrivalMs(): number {
    return this.#archivedArrivalMs;
  }

  /** Until `next` has no more. Rejects if the server stops, and as the committer does; nothing is staged any more then. */
  async run(next: NextPortion): Promise<void> {
    let cut = await this.#stage(next, undefined, this.#options.signal);
    while (cut !== undefined) {
      const following = await this.#finish(cut, next);
      cut = following ?? (await this.#stage(next, undefined, this.#options.signal));
    }
  }

  /** Answers the cut that was staged meanwhile, if it follows. */
  async #finish(cut: Cut, next: NextPortion): Promise<Cut | undefined> {
    const ahead = new StagedAhead<Cut>((givenUp) =>
      this.#stageAhead(next, cut, AbortSignal.any([this.#options.signal, givenUp])),
    );
    let isMade = false;
    try {
      isMade = await this.#archive(cut, () => ahead.begin());
    } finally {
      // The archive has copied its segments.
      await discard(cut);
      if (!isMade) await ahead.giveUp();
    }
    const following = isMade ? await ahead.take() : undefined;
    if (following === undefined || this.#isNext(following)) return following;
    await discard(following);
    return undefined;
  }

  async #stageAhead(next: NextPortion, cut: Cut, signal: AbortSignal): Promise<Cut | undefined> {
    const { policy, workDir, diskReserveBytes } = this.#options;
    const wantedBytes = STAGED_AHEAD_ROOM * policy.bytesMax + diskReserveBytes;
    const free = await knownFreeBytes(workDir);
    if (free === undefined || free < wantedBytes) return undefined;
    return this.#stage(next, cut, signal);
  }

  /** @param ahead the cut behind which it is staged */
  async #stage(
    next: NextPortion,
    ahead: Cut | undefined,
    signal: AbortSignal,
  ): Promise<Cut | undefined> {
    if (signal.aborted) return undefined;
    const { hours, workDir, policy, clock } = this.#options;
    const { schemas } = hours.manifest;
    const portion = await next(ahead?.stretch);
    if (portion === undefined) return undefined;
    const startedMs = clock.now();
    // Two at a time.
    const folder = join(workDir, `cut-${this.#staged++ % 2}`);
    const tools = { ...this.#options, folder, signal };
    const known = ahead === undefined ? schemas : schemasAfter(schemas, ahead);
    const staged = await stageCut(tools, portion.stretch, policy, known);
    return { ...staged, wanted: portion.wanted, startedMs };
  }

  /** Whether it was staged on what the archive is now. Another node may have archived, or have given a stream other columns. */
  #isNext({ stretch, schemas }: Cut): boolean {
    const { hours, backlog } = this.#options;
    const now = hours.manifest.schemas;
    return (
      backlog.isNext(stretch) &&
      [...schemas].every(([key, { before }]) => now.get(key)?.version === before?.version)
    );
  }

  /** Answers false if it came to nothing: it is to be cut anew. */
  async #archive(cut: Cut, onNext: () => void): Promise<boolean> {
    if (cut.rows === 0) return this.#passOver(cut.stretch);
    const { hours, backlog, log } = this.#options;
    const files = await withDuck(this.#options, (duck) =>
      sealCut({ ...this.#options, duck }, cut, onNext),
    );
    const grown = [...cut.schemas.values()].filter(({ before, after }) => after !== before);
    const schemas = grown.map(({ after }) => after);
    const isMade =
      backlog.areHere(cut.stretch.from.keys(), cut.wanted) &&
      (await hours.commit({ positions: cut.stretch.to, files, schemas }));
    const { version } = hours.manifest;
    if (isMade) {
      this.#moveOn(cut.stretch);
      this.#count(cut, files);
    } else {
      log.info(
        { version },
        'another node has archived meanwhile, or taken a partition: it is cut anew',
      );
    }
    return isMade;
  }

  /** A stretch without events makes no version by itself, unless it keeps much of the log from being deleted. */
  async #passOver(stretch: Stretch): Promise<boolean> {
    const { hours, logBytes } = this.#options;
    const { positions } = hours.manifest;
    const passedOver = logBytes(
      Array.from(stretch.to, ([partition, end]) => end - (positions.get(partition) ?? 0)),
    );
    const commit = { positions: stretch.to, files: [], schemas: [] };
    if (passedOver >= EMPTY_COMMIT_BYTES && !(await hours.commit(commit))) return false;
    this.#moveOn(stretch);
    return true;
  }

  #moveOn(stretch: Stretch): void {
    this.#options.backlog.moveOn(stretch);
    this.#options.onMoved();
  }

  #count({ startedMs, arrivedMs }: Cut, files: readonly NewSegment[]): void {
    const { hours, clock, log } = this.#options;
    const { rows, bytes } = totalOf(files.map(({ file }) => file));
    // Time in which the one before it was made, too, counts once.
    const tookMs = clock.now() - Math.max(startedMs, this.#madeMs);
    this.#madeMs = clock.now();
    this.#archivedArrivalMs = arrivedMs;
    this.#counts.cuts += 1;
    this.#counts.filesWritten += files.length;
    this.#counts.rowsWritten += rows;
    this.#counts.bytesWritten += bytes;
    this.#counts.workMsTotal += tookMs;
    const { version } = hours.manifest;
    log.info(
      { version, files: files.length, rows, bytes, tookMs },
      'a part of the log is archived',
    );
  }
}

/** Of the archive once it has the cut. */
function schemasAfter(schemas: Schemas, { schemas: steps }: StagedCut): Schemas {
  const all = new Map(schemas);
  for (const [key, { after }] of steps) all.set(key, after);
  return all;
}
