/**
 * One seed: nodes of a cluster that archive one log, each what it takes for its own. Several take themselves for the owner of a partition,
 * or for the leader. They die in any call of the archive, answers are lost, some sleep and wake up days later, and now and then a server
 * takes the archive for itself alone. A model looks at the archive after each change.
 */
import assert from 'node:assert/strict';
import { Deletion } from '../../../actors/archiver/deletion.ts';
import { Hours } from '../../../actors/archiver/hours.ts';
import type { Clock } from '../../../src/model/clock.ts';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import { AppError, isFault } from '../../../src/model/errors.ts';
import { DAY_MS, HOUR_MS } from '../../../src/model/units.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import { ManifestReader } from '../../../storage/archive/manifest-reader.ts';
import { type SegmentCommit, SegmentCommitter } from '../../../storage/archive/segment-commit.ts';
import { Random } from '../../simulation/random.ts';
import { CommitModel } from './commit-model.ts';
import { type FaultRates, faultyArchive } from './faulty-archive.ts';
import { MemoryArchive } from './memory-archive.ts';
import { silent } from './silent.ts';
import { compactedOf, cutOf, isArchived, NO_FILE } from './simulated-files.ts';
import { Died, Process, Turns } from './turns.ts';

export interface ClusterReport {
  versions: number;
  deaths: number;
  /** Nodes that a server without a cluster has shut out. */
  fenced: number;
  dismissed: number;
  failed: number;
  /** Commits that came to nothing because another node was first. */
  givenUp: number;
  strays: number;
}

/** What a node does wrong, so that it is seen that this is found. */
export interface Wrong {
  /** Of the hours that a node works with. */
  readonly hours?: (hours: Hours, clock: Clock) => Hours;
  readonly archive?: (archive: Archive, isAlive: (life: number) => boolean) => Archive;
}

const PARTITIONS = [0, 1, 2];
const GRACE_MS = HOUR_MS;
const RATES: FaultRates = { die: 0.008, unavailable: 0.03, io: 0.004 };
const NO_RATES: FaultRates = { die: 0, unavailable: 0, io: 0 };
const NODES_AT_ONCE = 3;
const NODES_MAX = 40;
/** A server that has the archive alone commits so often before it stops. */
const ALONE_COMMITS = 3;
const FIRST_LIFE = 1_000_000;

/** Rejects if anything is not as it must be. */
export async function simulateCluster(seed: number, wrong: Wrong = {}): Promise<ClusterReport> {
  const world = new World(seed, wrong);
  await world.live();
  await world.end();
  return world.report;
}

interface Node {
  readonly process: Process;
  readonly life: number;
  readonly archive: Archive;
  /** What it takes for its own, and whether it takes itself for the leader. */
  partitions: readonly number[];
  isLeader: boolean;
}

class World {
  readonly #random: Random;
  readonly #turns: Turns;
  readonly #archive: MemoryArchive;
  readonly #model: CommitModel;
  readonly #wrong: Wrong;
  readonly #checkpointVersions: number;
  readonly #nodes = new Map<number, Process>();
  readonly #failures: unknown[] = [];
  #nowMs = 1_000 * DAY_MS;
  #started = 0;
  readonly report: ClusterReport = {
    ...{ versions: 0, deaths: 0, fenced: 0, dismissed: 0 },
    ...{ failed: 0, givenUp: 0, strays: 0 },
  };
  readonly clock = { now: () => this.#nowMs };

  constructor(seed: number, wrong: Wrong) {
    this.#random = new Random(seed);
    this.#turns = new Turns(this.#random);
    this.#archive = new MemoryArchive({ clock: this.clock, readLocal: Buffer.from });
    this.#model = new CommitModel(this.#archive, GRACE_MS, this.clock.now);
    this.#wrong = wrong;
    this.#checkpointVersions = this.#random.int(2, 8);
  }

  async live(): Promise<void> {
    this.#startMissing();
    await this.#turns.run();
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  /** One more node, to which nothing happens, brings everything to its end. */
  async end(): Promise<void> {
    for (const process of this.#nodes.values()) this.#turns.kill(process);
    const life = this.#finish();
    await this.#turns.run();
    await life;
    this.#model.checkBlocks();
    this.#model.checkClean();
    assert.deepEqual(await new ManifestReader(this.#archive, silent).load(), this.#model.manifest);
    this.report.versions = this.#model.manifest.version;
    this.report.strays = this.#model.strays;
  }

  #isAwake(life: number): boolean {
    const process = this.#nodes.get(life);
    return process !== undefined && process.pausedUntil <= this.#turns.now;
  }

  #awake(): number[] {
    return [...this.#nodes.keys()].filter((life) => this.#isAwake(life));
  }

  #startMissing(): void {
    while (this.#awake().length < NODES_AT_ONCE && this.#started < NODES_MAX) this.#start();
  }

  #start(): void {
    const node = this.#newNode(RATES);
    const { life } = node;
    this.#nodes.set(life, node.process);
    const isAlone = this.#random.chance(0.04);
    void (isAlone ? this.#serveAlone(node) : this.#serve(node))
      .catch((error: unknown) => this.#count(error))
      .finally(() => {
        this.#nodes.delete(life);
        this.#startMissing();
      });
  }

  #newNode(rates: FaultRates): Node {
    const process = new Process(this.#started++);
    const life = FIRST_LIFE + process.id;
    const faulty = this.#archiveOf(process, rates);
    const archive = this.#wrong.archive?.(faulty, (other) => this.#isAwake(other)) ?? faulty;
    return { process, life, archive, partitions: PARTITIONS, isLeader: false };
  }

  #count(error: unknown): void {
    if (error instanceof Died) this.report.deaths++;
    else if (isFault(error, 'archive_fenced')) this.report.fenced++;
    else if (error instanceof AppError && error.message === 'planted') this.report.failed++;
    else this.#failures.push(error);
  }

  /** After a commit that has failed it begins anew, as the same life. */
  async #serve(node: Node): Promise<void> {
    while (!isArchived(this.#model.manifest, PARTITIONS.length)) {
      try {
        await this.#serveUntilItFails(node);
      } catch (error) {
        if (node.process.isDead || !(error instanceof AppError)) throw error;
        if (/dismissed its life/.test(error.message)) this.report.dismissed++;
        else if (error.message === 'planted') this.report.failed++;
        else throw error;
      }
    }
  }

  async #serveUntilItFails(node: Node): Promise<void> {
    const hours = await this.#open(node, node.life);
    const deletion = this.#deletionOf(hours);
    while (!isArchived(hours.manifest, PARTITIONS.length)) {
      this.#passTime();
      if (this.#random.chance(0.2)) this.#assign(node);
      if (this.#random.chance(0.1)) this.#model.tellHive();
      deletion.dueMs(this.#nowMs);
      await this.#work(node, hours, deletion);
    }
  }

  async #serveAlone(node: Node): Promise<void> {
    const hours = await this.#open(node, undefined);
    for (let i = 0; i < ALONE_COMMITS; i++) {
      await hours.commit(cutOf(hours, PARTITIONS, this.#random.int(0, 2)));
    }
  }

  async #open({ process, archive }: Node, life: number | undefined): Promise<Hours> {
    const committer = await SegmentCommitter.open({
      archive,
      life,
      owner: { journal: 'j', host: 'h', pid: process.id },
      clock: this.clock,
      log: silent,
      sleep: () => this.#turns.take(process),
      checkpointVersions: this.#checkpointVersions,
    });
    const hours = new Hours(committer, this.clock);
    return life === undefined ? hours : (this.#wrong.hours?.(hours, this.clock) ?? hours);
  }

  /** Nobody asks whether others take the same for theirs. */
  #assign(node: Node): void {
    node.partitions = PARTITIONS.filter(() => this.#random.chance(0.6));
    node.isLeader = this.#random.chance(0.5);
  }

  /** Sometimes much of it. */
  #passTime(): void {
    this.#nowMs += this.#random.int(0, 600_000);
    if (this.#random.chance(0.05)) this.#nowMs += DAY_MS;
  }

  /** Sometimes a node is thought to be dead while it only sleeps. */
  #perhapsSleep(process: Process): void {
    if (!this.#random.chance(0.01)) return;
    process.pausedUntil = this.#turns.now + this.#random.int(10, 600);
    this.#startMissing();
  }

  async #work(node: Node, hours: Hours, deletion: Deletion): Promise<void> {
    const chance = this.#random.next();
    if (chance < 0.1) await hours.refresh();
    else if (!node.isLeader || chance < 0.5) await this.#cut(node, hours);
    else if (chance < 0.6) await this.#sweep(node, hours);
    else if (chance < 0.75) await this.#delete(deletion);
    else await this.#replace(node, hours, chance < 0.8);
  }

  async #cut({ partitions }: Node, hours: Hours): Promise<void> {
    const cut = cutOf(hours, partitions, this.#random.int(0, 3));
    const isMade = await hours.commit(
      this.#random.chance(0.3) ? this.#withColumn(cut, hours) : cut,
    );
    if (!isMade) this.report.givenUp++;
  }

  /** As when a cut has seen a new field. */
  #withColumn(cut: SegmentCommit, { manifest }: Hours): SegmentCommit {
    const stream = this.#random.pick(['s0', 's1']);
    const { version, columns } = manifest.schemas.get(`t/${stream}`) ?? { version: 0, columns: [] };
    const name = `c${this.#random.int(0, 1_000_000)}`;
    const column = { name, field: name, kind: COLUMN_KIND.string };
    const grown = { tenant: 't', stream, version: version + 1, columns: [...columns, column] };
    const files = cut.files.map((one) =>
      one.file.stream === stream ? { ...one, file: { ...one.file, schema: grown.version } } : one,
    );
    return { ...cut, files, schemas: [grown] };
  }

  /** Who is awake is a member. */
  async #sweep({ life }: Node, hours: Hours): Promise<void> {
    const members = new Set([...this.#awake(), life]);
    const strangers = [...(hours.manifest.writers ?? [])].filter((one) => !members.has(one));
    await hours.dismiss(strangers);
    await hours.sweep();
  }

  async #delete(deletion: Deletion): Promise<void> {
    if (deletion.dueMs(this.#nowMs) > this.#nowMs) return;
    // It may fail and be repeated.
    await deletion.step().catch((error: unknown) => {
      if (!isFault(error, 'archive_io')) throw error;
    });
  }

  async #replace({ archive }: Node, hours: Hours, isRetention: boolean): Promise<void> {
    const place = this.#random.pick([...hours.manifest.files.values()].concat(NO_FILE));
    const files = [...(hours.of(place)?.files.values() ?? [])];
    if (files.length < 2) return;
    const remove = files.map(({ path }) => path);
    if (isRetention) {
      await hours.replace({ change: 'retention', add: [], remove });
      return;
    }
    const { version } = hours.manifest;
    const made = await compactedOf(archive, files, version + 1);
    if (made === undefined) {
      assert(version < this.#model.manifest.version, 'the manifest names a file that is not there');
      await hours.refresh();
    } else if (!(await hours.replace({ change: 'compaction', add: [made], remove }))) {
      this.report.givenUp++;
    }
  }

  #deletionOf(hours: Hours): Deletion {
    const hiveVersion = () => this.#model.hiveVersion;
    return new Deletion({ hours, keptMs: GRACE_MS, hiveVersion, clock: this.clock });
  }

  async #finish(): Promise<void> {
    this.#nodes.clear();
    const node = this.#newNode(NO_RATES);
    const hours = await this.#open(node, node.life);
    await this.#sweep(node, hours);
    while (!isArchived(hours.manifest, PARTITIONS.length)) {
      await hours.commit(cutOf(hours, PARTITIONS, 5));
    }
    this.#model.tellHive();
    const deletion = this.#deletionOf(hours);
    deletion.dueMs(this.#nowMs);
    this.#nowMs += DAY_MS;
    while (deletion.dueMs(this.#nowMs) <= this.#nowMs) await deletion.step();
    assert.equal(hours.manifest.removed.size, 0);
    assert.deepEqual([...(hours.manifest.writers ?? [])], [node.life]);
    assert.deepEqual(hours.manifest, this.#model.manifest);
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
