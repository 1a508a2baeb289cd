/** A folder with a server that archives as often as can be, that can be told where to die, and that loses power as it does. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TEMPORARY_FOLDER } from '../storage/archive/paths.ts';
import type { ArchiveMutant } from './fault/archive-mutants.ts';
import { type FaultPoint, HURRIES, PASS_ENV } from './fault/fault-points.ts';
import { MUTANT_ENV, PLANTED_ENV } from './fault/mutants.ts';
import { cutPower, type DamageKind } from './fault/power-cut.ts';
import { RECORDS_ENV, STATE_ENV } from './fault/synced-lengths.ts';
import type { Random } from './random.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const SYNC_RECORDER = fileURLToPath(new URL('./fault/record-syncs.ts', import.meta.url));
const PLANTER = fileURLToPath(new URL('./fault/plant-mutant.ts', import.meta.url));
const PARTITIONS = 4;
/** Longer than any fault point is away under load, on a busy machine. */
const DEATH_MS_MAX = 240_000;
/** By then whoever sends has read what the server's sockets still held. */
const SOCKETS_READ_MS = 50;

const MiB = 2 ** 20;

/** Files of the log are small and soon of no use, so that they are really deleted. */
const CONFIG = {
  journal: { fileBytes: MiB },
  dedup: { windowIdsMax: 20_000 },
  // The server's own alarms would tell of its restarts, and rightly.
  alarms: { server: { enabled: false } },
};
const COMMIT_INTERVAL_MS = 250;
const CUT_AGE_MS = 1_000;
/** Short, so that files are really deleted; long enough to be read by who looks. */
export const REMOVED_KEPT_MS = 2_000;

export interface ArchiveSiteOptions {
  /** By default in the site's own data folder. */
  readonly archiveDir?: string;
  readonly mutant?: ArchiveMutant;
}

export class ArchiveSite {
  readonly folder: string;
  readonly archiveDir: string;
  readonly server: Server;
  readonly #mutant: ArchiveMutant | undefined;

  static async prepare(options: ArchiveSiteOptions = {}): Promise<ArchiveSite> {
    const folder = scratchFolder('archive');
    mkdirSync(recordsIn(folder));
    const { mutant, archiveDir = join(folder, 'data', 'archive') } = options;
    const { commitIntervalMs = COMMIT_INTERVAL_MS, cutAgeMaxMs = CUT_AGE_MS } = mutant ?? {};
    const server = await Server.prepare({
      folder,
      partitions: PARTITIONS,
      config: {
        ...CONFIG,
        commit: { intervalMs: commitIntervalMs },
        archive: {
          local: { dir: archiveDir },
          compact: { fileBytes: MiB },
          removedKeptMs: REMOVED_KEPT_MS,
          cut: { bytesMax: cutAgeMaxMs === CUT_AGE_MS ? MiB : 64 * MiB, ageMaxMs: cutAgeMaxMs },
        },
      },
      nodeArgs: ['--import', SYNC_RECORDER, '--import', PLANTER],
      env: {
        [RECORDS_ENV]: recordsIn(folder),
        [STATE_ENV]: join(folder, 'data'),
        [PLANTED_ENV]: plantedIn(folder),
      },
    });
    return new ArchiveSite(folder, archiveDir, server, mutant);
  }

  private constructor(
    folder: string,
    archiveDir: string,
    server: Server,
    mutant: ArchiveMutant | undefined,
  ) {
    this.folder = folder;
    this.archiveDir = archiveDir;
    this.server = server;
    this.#mutant = mutant;
  }

  get dataDir(): string {
    return this.server.dataDir;
  }

  /** With a point it dies there by itself, which may be before it is ready. */
  async start(point?: FaultPoint, pass = 0): Promise<void> {
    const changes = [...HURRIES, ...[this.#mutant, point].filter((change) => change !== undefined)];
    const names = changes.map(({ name }) => name).join();
    try {
      await this.server.start({ [MUTANT_ENV]: names, [PASS_ENV]: String(pass) });
    } catch (error) {
      if (point === undefined || !this.server.hasEnded) throw error;
    }
  }

  /** Rejects if it does not die where `start` told it to. */
  async died(point: FaultPoint): Promise<void> {
    const signal = await this.server.ended(DEATH_MS_MAX).catch((error: unknown) => {
      throw new Error(`the server did not come by "${point.name}": ${error}`);
    });
    if (signal === 'SIGKILL') return;
    throw new Error(`the server ended before "${point.name}"\n${this.server.logTail()}`);
  }

  /** Kill -9 if it is not dead yet, then the power cut. */
  async crash(kind: DamageKind, isWorst: boolean, random: Random): Promise<void> {
    await this.server.kill();
    cutPower({
      ...{ dataDir: this.dataDir, records: recordsIn(this.folder) },
      random,
      kind,
      isWorst,
    });
    await sleep(SOCKETS_READ_MS);
  }

  hasPlanted({ name }: { readonly name: string }): boolean {
    const path = plantedIn(this.folder);
    return existsSync(path) && readFileSync(path, 'utf8').split('\n').includes(name);
  }

  /** The log before it is deleted. */
  get logStart(): number {
    const names = readdirSync(join(this.dataDir, 'journal')).filter((name) =>
      name.endsWith('.journal'),
    );
    return Math.min(...names.map((name) => Number.parseInt(name, 10)));
  }

  /** Names of what is not whole, or not committed. */
  get temporaryFiles(): readonly string[] {
    const folder = join(this.archiveDir, TEMPORARY_FOLDER);
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  async clear(): Promise<void> {
    await this.server.kill();
    removeScratch(this.folder);
  }
}

const recordsIn = (folder: string): string => join(folder, 'records');
const plantedIn = (folder: string): string => join(folder, 'planted');
