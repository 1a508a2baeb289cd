/**
 * Keeps changes of the rows of a server that has its log for itself in the archive too, between two checkpoints: who was told of an
 * alarm is then known even if this machine never comes back. What others are told of waits for the archive before they are, for as
 * long as it answers soon; all else goes to it together, a moment later.
 *
 * What could not be kept, as the archive was away for long, goes to it with all rows at once when it is back.
 */
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import {
  SERVER_CHANGES_DELAY_MS,
  SERVER_CHANGES_ROWS_MAX,
  SERVER_CHANGES_WAIT_MS,
} from '../limits.ts';
import type { StateOp, StateReader, StateStore } from '../state/state.ts';
import type { ChangeChain } from './change-chain.ts';
import { isProgress, isServerRow, sequenceOp } from './server-rows.ts';
import { allRows } from './take-chain.ts';

export interface ServerChangesOptions {
  readonly state: Pick<StateStore, 'commit'> & StateReader;
  /** Undefined: the archive was out of reach. */
  readonly chain: ChangeChain | undefined;
  /** Then. Resolves when it was within reach, with a chain that begins with all rows. Rejects with `archive_fenced`. */
  readonly claim: () => Promise<ChangeChain>;
  /** Of the newest change that is, or may be, in the archive. */
  readonly sequence: number;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly log: Logger;
}

export class ServerChanges {
  readonly #options: ServerChangesOptions;
  #chain: ChangeChain | undefined;
  /** By key. */
  #waiting = new Map<string, StateOp>();
  /** Some that waited were too many. */
  #lacksSome = false;
  /** Of the next file. */
  #sequence: number;
  #writing: Promise<void> | undefined;
  /** Commits that RocksDB has not answered: each has a row with the sequence of the next file, which is to have its change. */
  readonly #committing = new Set<Promise<void>>();
  #isDelayed = false;
  /** The archive has not answered in time: nobody waits for it until it does. */
  #isBehind = false;
  #isFenced = false;
  #isClosed = false;

  constructor(options: ServerChangesOptions) {
    this.#options = options;
    this.#chain = options.chain;
    this.#sequence = options.sequence + 1;
  }

  /** In which the chain is written. */
  get chainLife(): number | undefined {
    return this.#isFenced ? undefined : this.#chain?.life;
  }

  /** Another server has gone on with the rows: nothing of this one's is kept any more. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /** Changes are not in the archive, because it has not answered in time. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** As `StateStore.commit`. */
  async commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    const { state, sleep } = this.#options;
    const changed = ops.filter(({ key }) => isServerRow(key));
    if (changed.length === 0) return state.commit(ops, durability);
    const written = state.commit([...ops, sequenceOp(this.#sequence)], durability);
    this.#committing.add(written);
    try {
      await written;
    } finally {
      this.#committing.delete(written);
    }
    this.#add(changed);
    if (durability !== 'synced') {
      const isFull = this.#waiting.size > SERVER_CHANGES_ROWS_MAX / 2;
      if (isFull || !changed.every(({ key }) => isProgress(key))) this.#writeSoon();
      return;
    }
    const kept = this.#write();
    if (this.#isBehind || this.#isFenced) return;
    const isKept = await Promise.race([
      kept.then(() => true),
      sleep(SERVER_CHANGES_WAIT_MS).then(() => false),
    ]);
    if (!isKept) this.#isBehind = true;
  }

  /** What waits is written, if the archive takes it soon. */
  async close(): Promise<void> {
    const written = this.#write();
    await Promise.race([written, this.#options.sleep(SERVER_CHANGES_WAIT_MS)]);
    this.#isClosed = true;
    this.#chain?.close();
  }

  /** Begins to write what waits, progress too. */
  flush(): void {
    void this.#write();
  }

  #add(changed: readonly StateOp[]): void {
    if (this.#isFenced) return;
    for (const op of changed) this.#waiting.set(Buffer.from(op.key).toString('latin1'), op);
    if (this.#waiting.size <= SERVER_CHANGES_ROWS_MAX) return;
    this.#waiting.clear();
    if (!this.#lacksSome) {
      this.#options.log.error(
        { rows: SERVER_CHANGES_ROWS_MAX },
        'too many changes wait for the archive: until it is back, a server on another machine would repeat messages',
      );
    }
    this.#lacksSome = true;
  }

  #writeSoon(): void {
    if (this.#isDelayed) return;
    this.#isDelayed = true;
    void this.#options.sleep(SERVER_CHANGES_DELAY_MS).then(() => {
      this.#isDelayed = false;
      return this.#write();
    });
  }

  /** Resolves when all that waits now is in the archive, or nothing is written any more. */
  #write(): Promise<void> {
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      for (;;) {
        do await Promise.allSettled(this.#committing);
        while (this.#committing.size > 0);
        const isMore = this.#waiting.size > 0 || this.#lacksSome;
        if (!isMore || this.#isClosed || this.#isFenced) return;
        await this.#writeOne();
        this.#isBehind = false;
      }
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (this.#isClosed) return;
      this.#options.log.error({ err: error }, 'changes of alarms are not kept in the archive');
      this.#waiting.clear();
      // Otherwise the next change is written with all that is in none.
      this.#isFenced = error.code === 'archive_fenced';
      this.#lacksSome = !this.#isFenced;
    } finally {
      // At once, so that what comes next is not taken for written.
      this.#writing = undefined;
    }
  }

  async #writeOne(): Promise<void> {
    if (this.#chain === undefined) {
      this.#chain = await this.#options.claim();
      this.#sequence = this.#chain.number + 1;
      return;
    }
    const isAll = this.#lacksSome;
    const waited = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.#lacksSome = false;
    this.#sequence = this.#chain.number + 2;
    await this.#chain.append(isAll ? await allRows(this.#options.state) : waited, isAll);
  }
}
