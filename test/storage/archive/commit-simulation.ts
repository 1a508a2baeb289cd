/**
 * One seed: servers that archive a log, one after the other and sometimes several at once. They die in any call of the
 * archive, answers are lost, some sleep and wake up days later. A model looks at the archive after each change.
 */
import assert from 'node:assert/strict';
import { Deletion } from '../../../actors/archiver/deletion.ts';
import { Hours } from '../../../actors/archiver/hours.ts';
import { AppError, isFault } from '../../../src/model/errors.ts';
import { DAY_MS, HOUR_MS } from '../../../src/model/units.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import type { SegmentFile } from '../../../storage/archive/manifest.ts';
import { ManifestReader } from '../../../storage/archive/manifest-reader.ts';
import { type NewSegment, SegmentCommitter } from '../../../storage/archive/segment-commit.ts';
import { Random } from '../../simulation/random.ts';
import { BLOCK_BYTES, CommitModel } from './commit-model.ts';
import { type FaultRates, faultyArchive } from './faulty-archive.ts';
import { MemoryArchive } from './memory-archive.ts';
import { silent } from './silent.ts';
import { BLOCKS_MAX, compactedOf, cutOf, isArchived, NO_FILE } from './simulated-files.ts';
import { Died, Process, Turns } from './turns.ts';

export interface CommitReport {
  versions: number;
  deaths: number;
  fenced: number;
  failed: number;
  strays: number;
}

const PARTITIONS = [0, 1];
const GRACE_MS = HOUR_MS;
const RATES: FaultRates = { die: 0.012, unavailable: 0.03, io: 0.004 };
const NO_RATES: FaultRates = { die: 0, unavailable: 0, io: 0 };
const SERVERS_MAX = 40;

/** Rejects if anything is not as it must be. */
export async function simulateCommits(seed: number): Promise<CommitReport> {
  const world = new World(seed);
  await world.live();
  await world.end();
  return world.report;
}

class World {
  readonly #random: Random;
  readonly #turns: Turns;
  readonly #archive: MemoryArchive;
  readonly #model: CommitModel;
  readonly #checkpointVersions: number;
  readonly #servers = new Set<Process>();
  readonly #failures: unknown[] = [];
  #nowMs = 1_000 * DAY_MS;
  #started = 0;
  readonly report: CommitReport = { versions: 0, deaths: 0, fenced: 0, failed: 0, strays: 0 };
  readonly clock = { now: () => this.#nowMs };

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#turns = new Turns(this.#random);
    this.#archive = new MemoryArchive({ clock: this.clock, readLocal: Buffer.from });
    this.#model = new CommitModel(this.#archive, GRACE_MS, this.clock.now);
    this.#checkpointVersions = this.#random.int(2, 8);
  }

  async live(): Promise<void> {
    this.#start();
    await this.#turns.run();
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** One more server, to which nothing happens, brings everything to its end. */
  async end(): Promise<void> {
    for (const process of this.#servers) this.#turns.kill(process);
    const life = this.#finish();
    await this.#turns.run();
    await life;
    this.#model.checkBlocks();
    this.#model.checkClean();
    assert.equal(this.#model.manifest.positions.get(0), BLOCKS_MAX * BLOCK_BYTES);
    const read = await new ManifestReader(this.#archive, silent).load();
    assert.deepEqual(read, this.#model.manifest);
    this.report.versions = this.#model.manifest.version;
    this.report.strays = this.#model.strays;
  }

  /** A server, and after it the next one. */
  #start(): void {
    const process = new Process(this.#started++);
    this.#servers.add(process);
    void this.#serve(process, this.#archiveOf(process, RATES))
      .catch((error: unknown) => this.#count(error))
      .finally(() => {
        this.#servers.delete(process);
        this.#startIfNone();
      });
  }

  #startIfNone(): void {
    const isServed = [...this.#servers].some(({ pausedUntil }) => pausedUntil <= this.#turns.now);
    if (!isServed && this.#started < SERVERS_MAX) this.#start();
  }

  #count(error: unknown): void {
    if (error instanceof Died) this.report.deaths++;
    else if (isFault(error, 'archive_fenced')) this.report.fenced++;
    else if (error instanceof AppError && error.message === 'planted') this.report.failed++;
    else if (!(error instanceof Overtaken)) this.#failures.push(error);
  }

  async #serve(process: Process, archive: Archive): Promise<void> {
    const hours = new Hours(await this.#open(process, archive), this.clock);
    const deletion = this.#deletionOf(hours);
    while (!isArchived(hours.manifest, PARTITIONS.length)) {
      this.#passTime();
      if (this.#random.chance(0.1)) this.#model.tellHive();
      deletion.dueMs(this.#nowMs);
      await this.#work(hours, deletion, archive);
    }
  }

  #open(process: Process, archive: Archive): Promise<SegmentCommitter> {
    return SegmentCommitter.open({
      archive,
      owner: { journal: 'j', host: 'h', pid: process.id },
      clock: this.clock,
      log: silent,
      sleep: () => this.#turns.take(process),
      checkpointVersions: this.#checkpointVersions,
    });
  }

  /** Sometimes much of it. */
  #passTime(): void {
    this.#nowMs += this.#random.int(0, 600_000);
    if (this.#random.chance(0.08)) this.#nowMs += DAY_MS;
  }

  /** Sometimes a server is thought to be dead while it only sleeps. */
  #perhapsSleep(process: Process): void {
    if (!this.#random.chance(0.01)) return;
    process.pausedUntil = this.#turns.now + this.#random.int(10, 600);
    this.#startIfNone();
  }

  async #work(hours: Hours, deletion: Deletion, archive: Archive): Promise<void> {
    const { manifest } = hours;
    const chance = this.#random.next();
    if (chance < 0.15) {
      if (deletion.dueMs(this.#nowMs) > this.#nowMs) return;
      // It may fail and be repeated.
      await deletion.step().catch((error: unknown) => {
        if (!isFault(error, 'archive_io')) throw error;
      });
    } else if (chance < 0.4) {
      const place = this.#random.pick([...manifest.files.values()].concat(NO_FILE));
      const files = [...(hours.of(place)?.files.values() ?? [])];
      if (files.length < 2) return;
      const remove = files.map(({ path }) => path);
      if (chance < 0.2) await hours.replace({ change: 'retention', add: [], remove });
      else {
        const add = [await this.#compacted(archive, files, hours)];
        await hours.replace({ change: 'compaction', add, remove });
      }
    } else {
      await hours.commit(cutOf(hours, PARTITIONS, this.#random.int(0, 3)));
    }
  }

  #deletionOf(hours: Hours): Deletion {
    const hiveVersion = () => this.#model.hiveVersion;
    return new Deletion({ hours, keptMs: GRACE_MS, hiveVersion, clock: this.clock });
  }

  async #finish(): Promise<void> {
    const process = new Process(this.#started++);
    const archive = this.#archiveOf(process, NO_RATES);
    const hours = new Hours(await this.#open(process, archive), this.clock);
    while (!isArchived(hours.manifest, PARTITIONS.length))
      await hours.commit(cutOf(hours, PARTITIONS, 5));
    this.#model.tellHive();
    const deletion = this.#deletionOf(hours);
    deletion.dueMs(this.#nowMs);
    this.#nowMs += DAY_MS;
    while (deletion.dueMs(this.#nowMs) <= this.#nowMs) await deletion.step();
    assert.equal(hours.manifest.removed.size, 0);
    assert.deepEqual(hours.manifest, this.#model.manifest);
  }

  /** A file with the blocks of several, which it reads as anybody would. */
  async #compacted(
    archive: Archive,
    files: readonly SegmentFile[],
    { committer: { next } }: Hours,
  ): Promise<NewSegment> {
    const made = await compactedOf(archive, files, next.version);
    if (made !== undefined) return made;
    assert(next.epoch < this.#model.manifest.epoch, 'the manifest names a file that is not there');
    throw new Overtaken();
  }

  #archiveOf(process: Process, rates: FaultRates): Archive {
    return faultyArchive({
      archive: this.#archive,
      process,
      turns: this.#turns,
      random: this.#random,
      rates,
      begin: () => {
        if (rates !== NO_RATES) this.#perhapsSleep(process);
      },
      look: () => this.#model.look(),
    });
  }
}

/** A server that works on files which its successor has removed. */
class Overtaken extends Error {}
