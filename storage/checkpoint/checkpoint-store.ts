/** The checkpoints of one log in an archive: which there are, adding one, taking old ones away; and the lives of its servers. */
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { Archive, ArchiveEntry } from '../archive/archive.ts';
import { atOnce } from '../archive/at-once.ts';
import {
  ARCHIVE_TRANSFERS_AT_ONCE,
  CHECKPOINT_STRAYS_KEPT_MS,
  LIFE_CLAIMS_MAX,
  LIVES_KEPT,
} from '../limits.ts';
import { newestFirst, partsOf } from './candidates.ts';
import {
  type CheckpointPart,
  CheckpointPaths,
  type CheckpointSet,
  changeIn,
  decodeSet,
  encodeSet,
  isLater,
  isSameTurn,
  lifeIn,
  type Turn,
  turnIn,
} from './checkpoint-set.ts';

export interface CheckpointStoreOptions {
  readonly archive: Archive;
  readonly logId: string;
  readonly log: Logger;
  /** Of whoever tidies. */
  readonly clock?: Clock;
}

export class CheckpointStore {
  readonly archive: Archive;
  readonly paths: CheckpointPaths;
  readonly logId: string;
  readonly #log: Logger;
  readonly #clock: Clock;

  constructor({ archive, logId, log, clock = systemClock }: CheckpointStoreOptions) {
    this.archive = archive;
    this.logId = logId;
    this.paths = new CheckpointPaths(logId);
    this.#log = log;
    this.#clock = clock;
  }

  /** Newest first. One that cannot be read is passed over: an older one costs a longer replay and nothing else. */
  async *sets(): AsyncGenerator<CheckpointSet> {
    for (const turn of (await this.#turnsIn(this.paths.sets)).reverse()) {
      const path = this.paths.set(turn);
      // Undefined: it was removed since by a server that has newer ones.
      const bytes = await this.archive.read(path);
      const found = bytes && this.#decoded(bytes, path);
      if (found !== undefined) yield found;
    }
  }

  /** False if there is one of this turn: then this server's life is not its own. */
  add(set: CheckpointSet): Promise<boolean> {
    return this.archive.create(this.paths.set(set), encodeSet(set));
  }

  /**
   * Takes away what nobody needs to fall back on: of each partition, and of the server's rows, the newest `kept` parts stay, in the
   * newest sets that name them, whichever nodes have made these. Parts that no set names stay while their round may still be
   * under way. Answers the sets that stay, newest first, and forgets no set that was read before others removed it.
   */
  async tidy(kept: number): Promise<readonly CheckpointSet[]> {
    // What has come since is in no list here, and so is not taken for something that no set names.
    const parts = await this.archive.list(this.paths.parts);
    const changes = await this.changes();
    const nowMs = this.#clock.now();
    const turns = await this.#turnsIn(this.paths.sets);
    const { sets, hasAll } = await this.#read(turns);
    // A round that took very long may name what was taken for nobody's by then.
    const there = new Set(await this.present(sets.flatMap((set) => set.parts)));
    const needed = neededSets(sets, kept, there);
    const oldest = needed.at(-1);
    // Of a set that another has removed it is not known what it named, and whether a newer one names that.
    if (oldest === undefined || !hasAll) return needed;
    const read = new Set(sets.map(this.paths.set));
    const stays = new Set(needed.map(this.paths.set));
    const isOver = (turn: Turn) =>
      read.has(this.paths.set(turn)) ? !stays.has(this.paths.set(turn)) : isLater(oldest, turn);
    await this.#remove(turns.filter(isOver).map(this.paths.set));
    await this.#removeStrays(parts, sets, needed, nowMs);
    const positions = needed.flatMap((set) => set.parts.filter(isServer)).map((p) => p.position);
    const first = Math.min(...positions, ...changes.slice(-1));
    // One after the other, as whoever writes the chain relies on it.
    for (const number of changes) {
      if (positions.length > 0 && number < first)
        await this.archive.remove(this.paths.change(number));
    }
    return needed;
  }

  /** Which of these are there. */
  async present(parts: readonly CheckpointPart[]): Promise<CheckpointPart[]> {
    const names = (await this.archive.list(this.paths.parts)).map(({ name }) => name);
    const there = new Set(names.map((name) => `${this.paths.parts}/${name}`));
    return parts.filter((part) => there.has(this.paths.part(part)));
  }

  /** Numbers of changes of the server's rows, ascending. */
  async changes(): Promise<number[]> {
    const entries = await this.archive.list(this.paths.changes);
    return entries.map(({ name }) => changeIn(name)).filter((number) => number !== undefined);
  }

  /** The newest life that was claimed; 0 if none was. */
  async newestLife(): Promise<number> {
    const entries = await this.archive.list(this.paths.lives);
    return lifeIn(entries.findLast(({ name }) => lifeIn(name) !== undefined)?.name ?? '') ?? 0;
  }

  /** A life that nobody else has had over this log, and greater than all of them. */
  async claimLife(leastLife: number, host: string, clock: Clock): Promise<number> {
    for (let attempt = 0; attempt < LIFE_CLAIMS_MAX; attempt++) {
      const life = Math.max(leastLife, (await this.newestLife()) + 1);
      const text = JSON.stringify({ host, pid: process.pid, atMs: clock.now() });
      if (!(await this.archive.create(this.paths.life(life), Buffer.from(text)))) continue;
      await this.#removeOldLives();
      return life;
    }
    throw new AppError(
      'archive_unavailable',
      `others have taken each of ${LIFE_CLAIMS_MAX} lives over this log in ${this.archive.url} just now; see which servers use the topic`,
    );
  }

  #decoded(bytes: Uint8Array, path: string): CheckpointSet | undefined {
    try {
      const set = decodeSet(bytes, path);
      return set.log === this.logId ? set : undefined;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#log.error({ err: error }, 'a checkpoint cannot be read: an older one is looked for');
      return undefined;
    }
  }

  /** As `sets`. `hasAll`: none was removed meanwhile. */
  async #read(
    turns: readonly Turn[],
  ): Promise<{ readonly sets: CheckpointSet[]; readonly hasAll: boolean }> {
    const sets: CheckpointSet[] = [];
    let hasAll = true;
    for (const turn of turns.toReversed()) {
      const path = this.paths.set(turn);
      const bytes = await this.archive.read(path);
      const found = bytes && this.#decoded(bytes, path);
      if (found !== undefined) sets.push(found);
      hasAll &&= bytes !== undefined;
    }
    return { sets, hasAll };
  }

  async #removeOldLives(): Promise<void> {
    const lives = (await this.archive.list(this.paths.lives)).map(({ name }) => lifeIn(name));
    const known = lives.filter((life) => life !== undefined);
    await this.#remove(known.slice(0, -LIVES_KEPT).map(this.paths.life));
  }

  async #turnsIn(folder: string): Promise<Turn[]> {
    const entries = await this.archive.list(folder);
    return entries.map(({ name }) => turnIn(name)).filter((turn) => turn !== undefined);
  }

  async #removeStrays(
    parts: readonly ArchiveEntry[],
    sets: readonly CheckpointSet[],
    needed: readonly CheckpointSet[],
    nowMs: number,
  ): Promise<void> {
    const named = new Set(needed.flatMap((set) => set.parts.map(this.paths.part)));
    const paths: string[] = [];
    for (const { name, modifiedMs } of parts) {
      const turn = turnIn(name);
      const path = `${this.paths.parts}/${name}`;
      if (turn === undefined || named.has(path)) continue;
      const isOver = sets.some(({ life, number }) => life === turn.life && number >= turn.number);
      const isOld = modifiedMs > 0 && modifiedMs < nowMs - CHECKPOINT_STRAYS_KEPT_MS;
      if (isOver || isOld) paths.push(path);
    }
    await this.#remove(paths);
  }

  #remove(paths: readonly string[]): Promise<void> {
    return atOnce(paths, ARCHIVE_TRANSFERS_AT_ONCE, (path) => this.archive.remove(path));
  }
}

/** Newest first. */
function neededSets(
  sets: readonly CheckpointSet[],
  kept: number,
  there: ReadonlySet<CheckpointPart>,
): CheckpointSet[] {
  const names = new Set(sets.flatMap(({ parts }) => parts.map(({ part }) => part)));
  const found = new Set<CheckpointSet>();
  for (const name of names) {
    const parts = partsOf(sets, name).filter((part) => there.has(part));
    // The last that was taken, too: of a topic that has lost its end, those before are further along, and lead nowhere.
    for (const needed of [...newestFirst(parts).slice(0, kept), ...parts.slice(0, 1)]) {
      const isIn = (set: CheckpointSet) =>
        set.parts.some((part) => part.part === name && isSameTurn(part, needed));
      const newest = sets.find(isIn);
      if (newest !== undefined) found.add(newest);
    }
  }
  return sets.filter((set) => found.has(set));
}

const isServer = ({ part }: CheckpointPart): boolean => part === 'server';
