/**
 * Erases from the journal, file by file. A file is first looked through; then what is erased in it is committed as not applied, with
 * the sums, and synced; only then a file without it takes its place. After a crash in between the same rows are found again
 * and have been counted. So a partition that reads the file meanwhile, before or after, leaves the same rows out.
 *
 * Only blocks that their partition has committed are touched: else it would never count them.
 */
import type { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { type Erasure, lastOffsetIn, type Stretch } from '../../src/model/erasure.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/units.ts';
import type { Disk } from '../../storage/log/disk.ts';
import {
  type ErasableBlock,
  findErasable,
  type JournalFilePlace,
  writeErased,
} from '../../storage/log/journal-erasure.ts';
import { listJournal } from '../../storage/log/journal-file.ts';
import type { RewritableLog } from '../../storage/log/log.ts';
import { encodeErasure, erasureKey } from '../../storage/state/erasure-rows.ts';
import { type LedgerRowAt, verdictKey } from '../../storage/state/keys.ts';
import { decodeVerdict, encodeVerdict } from '../../storage/state/rows.ts';
import type { StateOp, StateStore } from '../../storage/state/state.ts';
import { hourOf } from '../partition/ledger.ts';
import { addErased } from './erased-counts.ts';
import { COMMITTED_LOOK_MS, COMMITTED_LOOKS_MAX } from './limits.ts';
import { erasableBy, type Target } from './target.ts';

export interface CommittedTools {
  /** Everything of the partition before it is committed, though perhaps not synced. */
  readonly committed: (partition: number) => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** The server is stopping. */
  readonly signal: AbortSignal;
}

export interface JournalTools {
  readonly journalDir: string;
  readonly disk: Disk;
  readonly files: Pick<RewritableLog, 'endFile' | 'replaceFile'>;
  /** Makes readers look for their files anew: what was replaced is on the disk until they do. */
  readonly wakeReaders: () => void;
}

export interface LogEraserTools extends CommittedTools, JournalTools {
  readonly state: StateStore;
}

/** Answers how far it came: the log is done. Rejects with `log_io`, `state_io`, `actor_stopped`; then it may be called again. */
export async function eraseFromLog(
  tools: LogEraserTools,
  erasure: Erasure,
  value: string,
): Promise<Erasure> {
  const target = { ...erasure, value };
  const before = lastOffsetIn(erasure.before);
  let done = erasure;
  if (((await listJournal(tools.journalDir)).at(-1) ?? before) < before)
    await tools.files.endFile();
  const bases = await listJournal(tools.journalDir);
  for (const [i, base] of bases.entries()) {
    const next = bases[i + 1];
    if (base >= before || next === undefined) break;
    if (base < done.log.doneBefore) continue;
    checkGoing(tools);
    done = await eraseFromFile(tools, done, target, [base, next]);
    done = { ...done, log: { ...done.log, doneBefore: next } };
    await tools.state.commit([rowOf(done)]);
  }
  tools.wakeReaders();
  return done;
}

async function eraseFromFile(
  tools: LogEraserTools,
  erasure: Erasure,
  target: Target,
  file: readonly [base: Offset, end: Offset],
): Promise<Erasure> {
  const [base] = file;
  const place: JournalFilePlace = { disk: tools.disk, dir: tools.journalDir, base };
  const erasable = erasableBy(target);
  const found = new FoundInFile();
  let done = erasure;
  try {
    const damage = await findErasable(place, erasable, async (each) => {
      await waitCommitted(tools, each.block.partition, each.offset);
      await found.add(tools.state, each);
    });
    found.unreadable = damage.length;
    done = await count(tools.state, erasure, found, file);
    if (found.blocks === 0) return done;
    await writeErased(place, erasable);
    await tools.files.replaceFile(base);
  } catch (error) {
    // What the log does not need any more it deletes, and with it what was to be erased. What was counted by then stays counted.
    if ((await listJournal(tools.journalDir)).includes(base)) throw error;
  }
  return done;
}

/** Until the partition has committed the block that is there. Rejects with `actor_stopped` if that takes too long. */
export async function waitCommitted(
  tools: CommittedTools,
  partition: number,
  at: number,
): Promise<void> {
  for (let looks = 0; tools.committed(partition) <= at; looks++) {
    checkGoing(tools);
    if (looks >= COMMITTED_LOOKS_MAX) {
      const to = tools.committed(partition);
      throw new AppError(
        'actor_stopped',
        `partition ${partition} has committed the log up to ${to}, what is to be erased lies at ${at}: look at "partitions" and /readyz for why it is behind`,
        { partition },
      );
    }
    await tools.sleep(COMMITTED_LOOK_MS);
  }
}

function checkGoing({ signal }: CommittedTools): void {
  if (signal.aborted) throw new AppError('actor_stopped', 'the server is stopping');
}

/** Synced: it also makes durable what the partitions have committed of these blocks. */
async function count(
  state: StateStore,
  erasure: Erasure,
  found: FoundInFile,
  [base, end]: readonly [base: Offset, end: Offset],
): Promise<Erasure> {
  if (erasure.log.countedBase === base) {
    // Before a crash; what of the blocks was new then is committed.
    await state.commit(found.verdicts, 'synced');
    return erasure;
  }
  const { counted: before, files, blocks, rows, unreadable } = erasure.log;
  const counted: Erasure = {
    ...erasure,
    log: {
      ...erasure.log,
      countedBase: base,
      counted: withStretch(before, [base, end]),
      files: files + (found.blocks > 0 ? 1 : 0),
      blocks: blocks + found.blocks,
      rows: rows + found.rows,
      unreadable: unreadable + found.unreadable,
    },
  };
  if (found.blocks > 0) {
    const sums = await addErased(state, found.lines.values());
    await state.commit([...found.verdicts, ...sums, rowOf(counted)], 'synced');
  }
  return counted;
}

/** Behind all that are there. */
function withStretch(stretches: readonly Stretch[], [from, to]: Stretch): Stretch[] {
  const last = stretches.at(-1);
  if (last === undefined || last[1] !== from) return [...stretches, [from, to]];
  return [...stretches.slice(0, -1), [last[0], to]];
}

const rowOf = (erasure: Erasure): StateOp => ({
  key: erasureKey(erasure.tenant, erasure.id),
  value: encodeErasure(erasure),
});

/** What one file holds of the value: 256 MiB of log at most, of which a verdict takes a bit per row. */
class FoundInFile {
  blocks = 0;
  rows = 0;
  unreadable = 0;
  readonly verdicts: StateOp[] = [];
  readonly lines = new Map<string, LedgerRowAt & { events: number }>();

  async add(state: StateStore, { block, offset: at, rows }: ErasableBlock): Promise<void> {
    this.blocks += 1;
    if (block.kind !== BLOCK_KIND.events) return;
    const key = verdictKey(block.partition, at);
    const [stored] = await state.getMany([key]);
    const before = stored && decodeVerdict(stored);
    const keep = new Uint8Array(block.rows).fill(1);
    let events = 0;
    for (let row = 0; row < block.rows; row++) {
      const wasDropped = before?.isDropped(row) ?? false;
      if (rows[row] === 1 && !wasDropped) events += 1;
      if (rows[row] === 1 || wasDropped) keep[row] = 0;
    }
    this.verdicts.push({ key, value: encodeVerdict(keep, block.rows) });
    this.rows += events;
    this.#count(block, events);
  }

  #count({ partition, tenant, stream, arrivalMs }: Block, events: number): void {
    const arrivalHourMs = hourOf(arrivalMs);
    const name = `${partition}/${arrivalHourMs}/${stream}`;
    const line = this.lines.get(name);
    if (line !== undefined) line.events += events;
    else this.lines.set(name, { partition, tenant, stream, arrivalHourMs, events });
  }
}
