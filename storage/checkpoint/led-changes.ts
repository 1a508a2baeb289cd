/**
 * Commits of the leader of a cluster. What others are told of is in the archive first, however long it takes, and in the leader's own
 * state only then: so nobody who reads that state, as those do who send, finds what a later leader does not know. All else goes
 * to the archive together, a moment later.
 *
 * Commits happen one after the other, as a row must not be overwritten by what it was before.
 */
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { SERVER_CHANGES_DELAY_MS, SERVER_CHANGES_ROWS_MAX } from '../limits.ts';
import type { StateOp, StateStore } from '../state/state.ts';
import type { ChangeChain } from './change-chain.ts';
import { isProgress, isServerRow, sequenceOp } from './server-rows.ts';

export interface LedChangesOptions {
  readonly chain: ChangeChain;
  readonly state: Pick<StateStore, 'commit'>;
  readonly sleep: (ms: number) => Promise<unknown>;
  /**
   * Told once that nothing can be committed any more: another has gone on, or the state has refused what the archive has. What is
   * in the state then counts no more.
   */
  readonly onLost: (fault: AppError) => void;
  readonly log: Logger;
}

export class LedChanges {
  readonly #options: LedChangesOptions;
  /** In the state, and not in the archive; by key. */
  #waiting = new Map<string, StateOp>();
  #last: Promise<unknown> = Promise.resolve();
  #writing: Promise<unknown> = Promise.resolve();
  #isDelayed = false;
  #fault: AppError | undefined;

  constructor(options: LedChangesOptions) {
    this.#options = options;
  }

  get life(): number {
    return this.#options.chain.life;
  }

  /** Of commits: as `StateStore.commit`, and with `not_leader` from when leading has come to its end. */
  commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    const changed = ops.filter(({ key }) => isServerRow(key));
    if (changed.length === 0) return this.#options.state.commit(ops, durability);
    return this.#behindOthers(() => this.#commit(ops, changed, durability));
  }

  /** Resolves when the archive has all that was committed before. */
  flush(): Promise<void> {
    return this.#behindOthers(() => this.#append([]));
  }

  /** Of commits that wait, none gets through. Resolves when nothing is written to the state any more; nobody waits for the archive. */
  async end(): Promise<void> {
    this.#fault ??= new AppError('not_leader', 'this node no longer leads the cluster');
    this.#options.chain.close();
    await this.#writing;
  }

  async #commit(
    ops: readonly StateOp[],
    changed: readonly StateOp[],
    durability: 'synced' | undefined,
  ): Promise<void> {
    const { chain } = this.#options;
    const isFull = this.#waiting.size + changed.length > SERVER_CHANGES_ROWS_MAX;
    if (durability === 'synced' || isFull) {
      await this.#append(changed);
      // What the archive has cannot be taken back: without it the state is not as the next leader's would be.
      return this.#orLost(() => this.#write(ops, chain.number, durability));
    }
    await this.#write(ops, chain.number + 1);
    for (const op of changed) this.#waiting.set(textOf(op.key), op);
    if (!changed.every(({ key }) => isProgress(key))) this.#flushSoon();
  }

  /** `sequence`: of the change that has these rows, or will. */
  async #write(ops: readonly StateOp[], sequence: number, durability?: 'synced'): Promise<void> {
    // Between the archive's answer and this it may have been ended, and whoever has ended it counts on nothing more.
    if (this.#fault !== undefined) throw this.#fault;
    const written = this.#options.state.commit([...ops, sequenceOp(sequence)], durability);
    this.#writing = written.catch(() => undefined);
    await written;
  }

  async #append(changed: readonly StateOp[]): Promise<void> {
    const all = new Map(this.#waiting);
    for (const op of changed) all.set(textOf(op.key), op);
    if (all.size === 0) return;
    await this.#orLost(() => this.#options.chain.append([...all.values()]));
    this.#waiting.clear();
  }

  /** Each begins when those before have ended, whatever became of them; none does once the lead is lost. */
  #behindOthers(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(() => {
      if (this.#fault !== undefined) throw this.#fault;
      return work();
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #orLost(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const isFirst = this.#fault === undefined;
      void this.end();
      if (isFirst) this.#options.onLost(error);
      throw this.#fault;
    }
    // It was ended meanwhile: the next leader may have begun, who knows it, and tells of it.
    if (this.#fault !== undefined) throw this.#fault;
  }

  #flushSoon(): void {
    if (this.#isDelayed) return;
    this.#isDelayed = true;
    void this.#options.sleep(SERVER_CHANGES_DELAY_MS).then(() => {
      this.#isDelayed = false;
      this.flush().catch((error) => {
        this.#options.log.debug({ err: error }, 'changes of alarms go to the archive no more');
      });
    });
  }
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
