/**
 * Rollups that tenants declare while the server runs: checked, stored, and then told to the partitions through the log, as alarm
 * rules are. Of several nodes one does it at a time: it can be stopped, and started again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadHead } from '../actors/partition/snapshot.ts';
import { declaredRollupOp, loadDeclaredRollups } from '../storage/state/rollup-rows.ts';
import type { StateReader, StateStore } from '../storage/state/state.ts';
import { problemsInWords } from './config/reader.ts';
import { readRollup } from './config/rollups.ts';
import type { Declarations } from './declarations.ts';
import { declaredInEffect, definitionOf, problemsOfDefinition } from './declared-rollups.ts';
import { Declarer } from './declarer.ts';
import type { Checked } from './model/alarm-board.ts';
import { systemClock } from './model/clock.ts';
import { AppError, undefinedIfFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import { err, ok } from './model/result.ts';
import { declaredName, identityOf, type RollupDefinition } from './model/rollup.ts';
import { inTurn, type Line } from './model/turns.ts';
import { committedHeads } from './query/committed-heads.ts';
import type { PartitionClient } from './query/ports.ts';
import { RollupAges } from './query/rollup-ages.ts';
import type { RollupPort } from './query/rollup-port.ts';

/** Partitions apply a control block within milliseconds; one that has much to catch up on is not waited for longer. */
const IN_FORCE_MS_MAX = 10_000;
const IN_FORCE_LOOK_MS = 25;

export interface RollupSideOptions {
  readonly configured: readonly RollupDefinition[];
  readonly store: StateStore;
  /** What partitions have committed, wherever they are. */
  readonly everywhere: StateReader;
  readonly partitions: PartitionClient;
  readonly declarations: Declarations;
  readonly log: Logger;
}

/** While it declares. */
interface Run {
  readonly declarer: Declarer<RollupDefinition>;
  /** As on disk. */
  stored: readonly RollupDefinition[];
  /** Changes are checked and stored one after the other: each sees what the one before has left. No more wait than the server has requests. */
  readonly changes: Line;
}

export class RollupSide implements RollupPort {
  readonly #options: RollupSideOptions;
  #run: Run | undefined;

  constructor(options: RollupSideOptions) {
    this.#options = options;
  }

  /** Takes what is stored. The partitions are told of it with the next declaration of anything. */
  async start(): Promise<void> {
    const { declarations, log } = this.#options;
    const declarer = new Declarer<RollupDefinition>({
      what: 'rollups',
      redefine: (declared) => declarations.redefine({ declared }),
      clock: systemClock,
      sleep: (ms) => sleep(ms, undefined, { ref: false }),
      log,
    });
    const stored = await loadDeclaredRollups(this.#options.store);
    this.#run = { declarer, stored, changes: { last: Promise.resolve() } };
    declarations.take({ declared: this.#inEffect(this.#run) });
  }

  stop(): void {
    this.#run?.declarer.close();
    this.#run = undefined;
  }

  async define(tenant: string, raw: unknown): Promise<Checked<RollupDefinition>> {
    const read = readRollup(raw);
    if (!read.ok) return err(problemsInWords(read.error));
    const configured = this.#problemOfName(read.value.name);
    if (configured !== undefined) return configured;
    const run = this.#running();
    const definition = definitionOf(tenant, read.value);
    const problems = await inTurn(run.changes, async () => {
      const found = problemsOfDefinition(definition, run.stored);
      if (found.length === 0) await this.#store(run, definition.name, definition);
      return found;
    });
    if (problems.length > 0) return err(problems);
    await run.declarer.declare(this.#inEffect(run));
    return ok(definition);
  }

  async drop(tenant: string, name: string): Promise<Checked<boolean>> {
    const run = this.#running();
    const known = declaredName(tenant, name);
    const isDropped = await inTurn(run.changes, async () => {
      const isStored = run.stored.some((each) => each.name === known);
      if (isStored) await this.#store(run, known, undefined);
      return isStored;
    });
    // One that is kept back for the configuration's can be dropped nevertheless.
    if (!isDropped) return this.#problemOfName(name) ?? ok(false);
    await run.declarer.declare(this.#inEffect(run));
    return ok(true);
  }

  ages(tenant: string): RollupAges {
    const { everywhere, partitions } = this.#options;
    return new RollupAges(tenant, partitions, committedHeads(everywhere));
  }

  async inForce(rollup: RollupDefinition): Promise<void> {
    const { everywhere, partitions } = this.#options;
    const untilMs = systemClock.now() + IN_FORCE_MS_MAX;
    for (let partition = 0; partition < partitions.partitions; ) {
      const head = await loadHead(everywhere, partition).catch(undefinedIfFault);
      const known = head?.definitions?.rollups.find(({ name }) => name === rollup.name);
      if (known !== undefined && identityOf(known) === identityOf(rollup)) partition += 1;
      else if (systemClock.now() < untilMs) await sleep(IN_FORCE_LOOK_MS);
      else throw new AppError('query_timeout', `partition ${partition} has not come to it yet`);
    }
  }

  /** Undefined: nothing speaks against it. */
  #problemOfName(name: string): Checked<never> | undefined {
    if (!this.#options.configured.some((each) => each.name === name)) return undefined;
    const message = `"${name}" is declared in the configuration: change it there`;
    return err([{ path: 'name', message }]);
  }

  /** Before it is declared: whatever happens before the log has it, a start declares what is stored. */
  async #store(run: Run, name: string, rollup: RollupDefinition | undefined): Promise<void> {
    const { store } = this.#options;
    this.#running(run);
    const others = run.stored.filter((each) => each.name !== name);
    const after = rollup === undefined ? others : [...others, rollup];
    try {
      await store.commit([declaredRollupOp(name, rollup)], 'synced');
    } catch (error) {
      // It may be there nevertheless, or not.
      run.stored = await loadDeclaredRollups(store);
      throw error;
    }
    // As they are loaded: an order that does not depend on when they were added.
    run.stored = after.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #inEffect({ stored }: Run): RollupDefinition[] {
    return declaredInEffect(this.#options.configured, stored);
  }

  /** Still `run`, if one is given: what has waited for its turn must not be stored once another node may declare. */
  #running(run = this.#run): Run {
    if (run !== undefined && run === this.#run) return run;
    throw new AppError('actor_stopped', 'rollups are not declared here just now: try again');
  }
}
