/**
 * The changes of the server's rows in the archive: one chain of files `changes/<number>`, each created exclusively (drawing:
 * storage/FORMAT.md, "Checkpoints"). Whoever begins to write claims the chain by creating its next number, with a life that nobody else
 * has; the one before finds that number taken, and writes no more. So what is in the chain is known to whoever comes later, and it
 * takes neither a clock nor trust in a lease.
 *
 * Numbers are removed in their order, and never the newest. Who has slept may find the place of its next number empty because all was
 * removed that others have written there since: so a change counts only while the one before it is still there.
 */
import { z } from 'zod';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { decodeDump, dumpFrames } from '../backup/state-dump.ts';
import { ARCHIVE_RETRY_MS_MAX, ARCHIVE_RETRY_MS_MIN } from '../limits.ts';
import type { StateOp, StateRow } from '../state/state.ts';
import type { CheckpointStore } from './checkpoint-store.ts';

export interface Change {
  /** Of whoever has written it. */
  readonly life: number;
  /** The number that it changes the rows of. 0: of nothing, it has all rows. */
  readonly after: number;
  /** Rows as they are since. */
  readonly ops: readonly StateOp[];
}

export interface ChainOptions {
  readonly store: CheckpointStore;
  readonly life: number;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly log: Logger;
}

export class ChangeChain {
  readonly #options: ChainOptions;
  /** Of the newest change, which is this chain's own. */
  #number: number;
  #isClosed = false;

  /**
   * Undefined: somebody else was faster, or went past. Rejects as the archive does: then it is not known whether the claim was made, and
   * a new one needs another life.
   */
  static async claim(
    options: ChainOptions,
    number: number,
    change: Omit<Change, 'life'>,
  ): Promise<ChangeChain | undefined> {
    const { store, life } = options;
    const path = store.paths.change(number);
    const isNew = await store.archive.create(path, await encodeChange({ life, ...change }));
    // One of this life may come of a try before, which knew other rows.
    const there = isNew ? { life, ...change } : await readChange(store, number);
    if (there?.life !== life || there.after !== change.after) return undefined;
    const newest = (await store.changes()).at(-1);
    return newest === number ? new ChangeChain(options, number) : undefined;
  }

  private constructor(options: ChainOptions, number: number) {
    this.#options = options;
    this.#number = number;
  }

  get number(): number {
    return this.#number;
  }
  get life(): number {
    return this.#options.life;
  }

  /**
   * One at a time. Resolves when the archive has it, however long that takes. Rejects with `archive_fenced` if another has claimed the
   * chain, and once it is closed; what becomes of the change is not known then.
   */
  async append(ops: readonly StateOp[], isAll = false): Promise<void> {
    const { life, sleep, log } = this.#options;
    const after = isAll ? 0 : this.#number;
    const bytes = await encodeChange({ life, after, ops });
    const failing = 'a change could not be kept in the archive: it is tried again';
    await unlessFenced({ sleep, log, failing }, async () => {
      if (this.#isClosed) throw this.#fenced('this server writes no more');
      await this.#create(this.#number + 1, bytes);
    });
    this.#number += 1;
  }

  /** Nothing is tried again. */
  close(): void {
    this.#isClosed = true;
  }

  async #create(number: number, bytes: Uint8Array): Promise<void> {
    const { store, life } = this.#options;
    const isNew = await store.archive.create(store.paths.change(number), bytes);
    // It may be this chain's own, created by a call whose answer was lost.
    const there = isNew ? life : (await readChange(store, number))?.life;
    const before = await readChange(store, number - 1);
    if (there !== life || before?.life !== life) {
      throw this.#fenced('another server has gone on with them');
    }
  }

  #fenced(why: string): AppError {
    const { store, life } = this.#options;
    return new AppError(
      'archive_fenced',
      `changes of alarms in ${store.archive.url} are no longer written in life ${life}: ${why}`,
      { path: store.paths.change(this.#number + 1) },
    );
  }
}

/** Tries again, with waits that double, until it is done or another server has gone on. Says `failing` each time. */
export async function unlessFenced<T>(
  { sleep, log, failing }: Pick<ChainOptions, 'sleep' | 'log'> & { readonly failing: string },
  work: () => Promise<T>,
): Promise<T> {
  for (let waitMs = ARCHIVE_RETRY_MS_MIN; ; waitMs = Math.min(2 * waitMs, ARCHIVE_RETRY_MS_MAX)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'archive_fenced') throw error;
      log.warn({ err: error }, failing);
      await sleep(waitMs);
    }
  }
}

/** Undefined: there is none. Rejects with `checkpoint_corrupt`, and as the archive does. */
export async function readChange(
  store: CheckpointStore,
  number: number,
): Promise<Change | undefined> {
  const path = store.paths.change(number);
  const bytes = await store.archive.read(path);
  return bytes && decodeChange(bytes, path);
}

const head = z.object({ life: z.int().nonnegative(), after: z.int().nonnegative() });

/** In a row with an empty key; no row of the state has one. */
const HEAD_KEY = new Uint8Array();
const NO_VALUE = new Uint8Array();
/** Rows of a frame. */
const FRAME_ROWS = 10_000;

/** A row without a value is deleted: no row of the server's is empty. */
export async function encodeChange({ life, after, ops }: Change): Promise<Uint8Array> {
  async function* pages(): AsyncGenerator<StateRow[]> {
    yield [{ key: HEAD_KEY, value: Buffer.from(JSON.stringify({ life, after })) }];
    for (let at = 0; at < ops.length; at += FRAME_ROWS) {
      const page = ops.slice(at, at + FRAME_ROWS);
      yield page.map(({ key, value }) => ({ key, value: value ?? NO_VALUE }));
    }
  }
  const frames: Uint8Array[] = [];
  for await (const { frame } of dumpFrames(pages())) frames.push(frame);
  return Buffer.concat(frames);
}

export function decodeChange(bytes: Uint8Array, path: string): Change {
  try {
    const [first, ...rows] = decodeDump(bytes, path);
    const { life, after } = head.parse(JSON.parse(Buffer.from(first?.value ?? []).toString()));
    return { life, after, ops: rows.map(opOf) };
  } catch (cause) {
    throw new AppError(
      'checkpoint_corrupt',
      `${path} is not as a server of this version writes it`,
      { path },
      cause,
    );
  }
}

const opOf = ({ key, value }: StateRow): StateOp => ({
  key,
  value: value.length === 0 ? undefined : value,
});
