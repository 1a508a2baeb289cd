/**
 * Full load, kill -9 at a random moment, loss of whatever was not synced, restart, comparison; again and again. The generator
 * lives through it all: what was not acknowledged goes out again with the same ids, so at every drain each event
 * is due exactly once.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MUTANT_ENV, type Mutant, PLANTED_ENV } from './fault/mutants.ts';
import { cutPower, DAMAGE_KINDS, type Damage, type DamageKind } from './fault/power-cut.ts';
import { RECORDS_ENV, STATE_ENV } from './fault/synced-lengths.ts';
import { Generator } from './generator.ts';
import { type LoadCase, loadOptions, MAIN_CASE } from './load-case.ts';
import type { Random } from './random.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { assertNone, differences } from './verify.ts';

/** From the start of the process to the first acknowledgement. */
export const FIRST_ACCEPT_MS_MAX = 3_000;
const LOAD_MS_MIN = 200;
const LOAD_MS_MAX = 2_500;
/** So often a restarted server is killed again before it has caught up. */
const KILLED_AGAIN_SHARE = 0.2;
/** By then the generator has read what the server's sockets still held. */
const SOCKETS_READ_MS = 50;
const SYNC_RECORDER = fileURLToPath(new URL('./fault/record-syncs.ts', import.meta.url));
const MUTANT_PLANTER = fileURLToPath(new URL('./fault/plant-mutant.ts', import.meta.url));
/** Fewer bodies than the bench has: the events matter here, not their variety. */
const LOAD: LoadCase = { ...MAIN_CASE, bodies: 64 };

export interface CrashLoopOptions {
  readonly kills: number;
  readonly partitions: number;
  readonly random: Random;
  /** A slower first accept after a restart fails the loop; absent: the time is only reported. */
  readonly firstAcceptMsMax?: number;
  /** A planted fault, with crashes that make it show soon. */
  readonly mutant?: Mutant;
  readonly onKill?: (kill: Kill) => void;
}

export interface Kill {
  readonly number: number;
  /** How long the load ran before. */
  readonly loadMs: number;
  readonly kind: DamageKind;
  readonly damage: readonly Damage[];
  readonly firstAcceptMs: number;
  /** Acknowledged so far; undefined if the server was killed again before it could be asked. */
  readonly verifiedEvents: number | undefined;
}

/** A folder with a server whose syncs are recorded, and what may be lost of it. */
export class CrashSite {
  readonly folder = scratchFolder('torture');
  readonly plantedMark = join(this.folder, 'planted');
  /** Set when the server has been ready once: what fails before that says nothing about crashes. */
  hasStarted = false;
  readonly #records = join(this.folder, 'records');
  #server: Server | undefined;

  async prepareServer(partitions: number, mutant?: string): Promise<Server> {
    mkdirSync(this.#records);
    const isMutant = mutant !== undefined;
    this.#server = await Server.prepare({
      folder: this.folder,
      partitions,
      nodeArgs: [...['--import', SYNC_RECORDER], ...(isMutant ? ['--import', MUTANT_PLANTER] : [])],
      env: {
        [RECORDS_ENV]: this.#records,
        [STATE_ENV]: join(this.folder, 'data'),
        ...(isMutant ? { [MUTANT_ENV]: mutant, [PLANTED_ENV]: this.plantedMark } : {}),
      },
    });
    return this.#server;
  }

  /** Kill -9, then the power cut. */
  async crash(kind: DamageKind, isWorst: boolean, random: Random): Promise<Damage[]> {
    await this.#server?.kill();
    const dataDir = join(this.folder, 'data');
    return cutPower({ dataDir, records: this.#records, random, kind, isWorst });
  }

  async clear(): Promise<void> {
    await this.#server?.kill();
    removeScratch(this.folder);
  }
}

/** Rejects with the first difference, late accept or failed restart; what happened before is told to `onKill`. */
export async function crashLoop(site: CrashSite, options: CrashLoopOptions): Promise<void> {
  const { kills, partitions, random, mutant, onKill, firstAcceptMsMax = Infinity } = options;
  const server = await site.prepareServer(partitions, mutant?.name);
  const generator = new Generator();
  try {
    await server.start();
    site.hasStarted = true;
    await generator.ask({ type: 'prepare', options: loadOptions(LOAD, server) });
    let isVerified = true;
    for (let number = 1; number <= kills; number++) {
      await generator.ask({ type: 'resume' });
      const loadMs = mutant?.loadMs ?? drawLoad(random, isVerified);
      await sleep(loadMs);
      const kind = mutant?.crash ?? drawDamage(random);
      const isWorst = mutant !== undefined || random.next() < 0.5;
      const damage = await site.crash(kind, isWorst, random);
      await sleep(SOCKETS_READ_MS);
      const firstAcceptMs = await restart(server, generator);
      if (firstAcceptMs > firstAcceptMsMax) {
        throw new Error(
          `expected the first accept in ${firstAcceptMsMax} ms after the start, it took ${firstAcceptMs} ms`,
        );
      }
      isVerified = number === kills || random.next() >= KILLED_AGAIN_SHARE;
      const verifiedEvents = isVerified ? await verify(server, generator) : undefined;
      onKill?.({ number, loadMs, kind, damage, firstAcceptMs, verifiedEvents });
    }
    await server.stop();
  } finally {
    generator.close();
  }
}

const drawLoad = (random: Random, isVerified: boolean): number =>
  isVerified ? random.between(LOAD_MS_MIN, LOAD_MS_MAX) : random.between(0, LOAD_MS_MIN);

const drawDamage = (random: Random): DamageKind =>
  DAMAGE_KINDS[random.between(0, DAMAGE_KINDS.length)] as DamageKind;

async function restart(server: Server, generator: Generator): Promise<number> {
  const startedAtMs = Date.now();
  const accepted = generator.ask({ type: 'nextAcknowledgement' });
  await server.start();
  return (await accepted).atMs - startedAtMs;
}

/** Everything sent is acknowledged first, then it must all be counted, once. */
async function verify(server: Server, generator: Generator): Promise<number> {
  await generator.ask({ type: 'drain' });
  const { unexpected } = await generator.ask({ type: 'measure' });
  assertNone('answers that this load should not get', unexpected);
  const truth = await generator.ask({ type: 'truth' });
  assertNone('differences from what was acknowledged', await differences(server, truth));
  return truth.events;
}
