/**
 * Who begins to write the server's rows: finds out which there are, claims the chain of their changes behind the newest, and only then
 * has them in its own state.
 */
import { mkdir, rm } from 'node:fs/promises';
import { AppError } from '../../src/model/errors.ts';
import { CHANGE_CLAIMS_MAX } from '../limits.ts';
import { serverKey } from '../state/keys.ts';
import { keyAfter, type StateOp, type StateReader, type StateStore, scan } from '../state/state.ts';
import { type ChainOptions, ChangeChain, unlessFenced } from './change-chain.ts';
import type { CheckpointPart } from './checkpoint-set.ts';
import { type FoundRows, type ServerRowsOptions, ServerRowsReader } from './restore-server.ts';
import { isServerRow, sequenceKey, sequenceOp, serverRows } from './server-rows.ts';

/** What is here already. */
export interface LocalRows {
  /** The last that has written here; 0: nobody. */
  readonly life: number;
  /** Of the newest change that these rows may have; undefined if they were never kept in an archive, or are only half restored. */
  readonly sequence: number | undefined;
}

export interface TakeChainOptions extends ChainOptions, ServerRowsOptions {
  readonly state: StateStore;
  /** Undefined: what the archive has counts, whatever is here. */
  readonly local: LocalRows | undefined;
}

export interface TakenChain {
  readonly chain: ChangeChain;
  /** What was taken from the archive; undefined: what is here has stayed. */
  readonly restored:
    | { readonly part: CheckpointPart | undefined; readonly changes: number }
    | undefined;
}

/** Rejects as the archive does. After that another claim needs another life, as this one's may be there. */
export async function takeChain(options: TakeChainOptions): Promise<TakenChain> {
  const { workDir } = options;
  await mkdir(workDir, { recursive: true });
  try {
    const reader = new ServerRowsReader(options);
    for (let attempt = 0; attempt < CHANGE_CLAIMS_MAX; attempt++) {
      const taken = await tryToTake(options, reader);
      if (taken !== undefined) return taken;
    }
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
  throw new AppError(
    'archive_unavailable',
    `another server writes changes of alarms to ${options.store.archive.url} all the time: see which servers use the topic`,
  );
}

/**
 * Of a server whose start the archive was out of reach for: what is here goes on, with all rows. Resolves when the archive has answered.
 * Rejects with `archive_fenced` if somebody has begun a later life meanwhile.
 */
export async function claimLate(options: Omit<TakeChainOptions, 'local'>): Promise<ChangeChain> {
  const { life, store, sleep, log } = options;
  const failing = 'changes of alarms wait for the archive';
  return unlessFenced({ sleep, log, failing }, async () => {
    const newestLife = await store.newestLife();
    if (newestLife > life) {
      throw new AppError(
        'archive_fenced',
        `another server has begun life ${newestLife} over this log, as ${store.archive.url} says`,
      );
    }
    const local = { life, sequence: Number.POSITIVE_INFINITY };
    return (await takeChain({ ...options, local })).chain;
  });
}

/** Undefined: another was faster. */
async function tryToTake(
  options: TakeChainOptions,
  reader: ServerRowsReader,
): Promise<TakenChain | undefined> {
  const { state, log } = options;
  await reader.look();
  const newest = await reader.newest();
  const next = newest.number + 1;
  const here = judge(options.local, newest);
  const { rows, broken } = here === 'older' ? await reader.at(newest.number) : NOT_LOOKED_FOR;
  if (broken.length > 0) {
    // Others have taken newer checkpoints, and what these replace was removed while it was being read.
    if (await reader.look()) return undefined;
    const text =
      "changes of the server's rows cannot be read, or what they follow: those behind them are left out";
    log.error({ broken }, text);
  }
  if (rows !== undefined) {
    const chain = await ChangeChain.claim(options, next, { after: rows.number, ops: [] });
    if (chain === undefined) return undefined;
    await replaceRows(state, rows.ops, next);
    return { chain, restored: { part: rows.part, changes: rows.changes } };
  }
  if (here === 'same') {
    const chain = await ChangeChain.claim(options, next, { after: newest.number, ops: [] });
    if (chain === undefined) return undefined;
    // After a power cut a part of the last may be missing.
    const last = await reader.change(newest.number);
    await state.commit([...(last?.ops ?? []), sequenceOp(next)], 'synced');
    return { chain, restored: undefined };
  }
  // The archive lacks what is here, or has nothing: all rows go there at once.
  const chain = await ChangeChain.claim(options, next, { after: 0, ops: await allRows(state) });
  if (chain === undefined) return undefined;
  await state.commit([sequenceOp(next)], 'synced');
  return { chain, restored: undefined };
}

const NOT_LOOKED_FOR: FoundRows = { rows: undefined, broken: [] };

/** What rows that are here are, beside those of the archive. */
function judge(
  local: LocalRows | undefined,
  newest: { readonly number: number; readonly life: number },
): 'older' | 'same' | 'newer' {
  if (newest.number === 0) return 'newer';
  if (local?.sequence === undefined || newest.life > local.life) return 'older';
  // Of a life that has not claimed the chain, as the archive was out of reach.
  if (newest.life < local.life) return 'newer';
  if (newest.number > local.sequence) return 'older';
  return newest.number === local.sequence ? 'same' : 'newer';
}

/** The sequence comes last: after a crash the rows are found to be half there. */
async function replaceRows(
  state: StateStore,
  ops: readonly StateOp[],
  sequence: number,
): Promise<void> {
  await state.clear({ from: keyAfter(serverKey()), to: serverRows().to });
  const isRow = ({ key }: StateOp) => isServerRow(key) && !isAt(key, sequenceKey());
  await state.commit(ops.filter(isRow));
  const [known] = await state.getMany([serverKey()]);
  const store = known === undefined ? ops.filter(({ key }) => isAt(key, serverKey())) : [];
  await state.commit([...store, sequenceOp(sequence)], 'synced');
}

/** For a change that has all of them. */
export async function allRows(state: StateReader): Promise<StateOp[]> {
  const ops: StateOp[] = [];
  for await (const row of scan(state, serverRows())) {
    if (!isAt(row.key, sequenceKey())) ops.push(row);
  }
  return ops;
}

const isAt = (key: Uint8Array, place: Uint8Array): boolean => Buffer.compare(key, place) === 0;
