/** One run of an import: file after file, batch after batch, with a state that is true at every moment. */
import type { BulkProgress } from './bulk-progress.ts';
import { type AskArrived, type Batch, batchesOf } from './import-file.ts';
import type { ImportFile } from './import-files.ts';
import type { ImportFormat } from './import-format.ts';
import type { ImportState } from './import-state.ts';
import { InOrder } from './in-order.ts';
import { type BatchTarget, type Outcome, postBatch } from './post-batch.ts';

/** At once: one is made here, one on its way, one decoded and one waits for the disk. */
const REQUESTS_MAX = 4;
/**
 * Records that may be sent before the state says so. Larger makes fewer synced writes, and more that has to be asked for after the import was
 * killed: half a second of a fast one.
 */
const AHEAD_RECORDS = 2 ** 17;
/** What is settled is written so often; what was not written is only asked for again. */
const SAVE_MS = 500;

export interface ImportRun {
  readonly state: ImportState;
  readonly files: readonly (ImportFile & { readonly format: ImportFormat })[];
  readonly target: BatchTarget;
  readonly progress: BulkProgress;
  readonly arrived: AskArrived;
}

interface Settled {
  readonly batch: Batch;
  readonly outcome: Outcome;
}

const NOTHING_SENT: Outcome = { accepted: 0, rejected: 0, errors: [] };

/** Resolves when all is settled and the state says so. */
export async function runImport({
  state,
  files,
  target,
  progress,
  arrived,
}: ImportRun): Promise<void> {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let bytesBefore = 0;
  let savedMs = performance.now();
  const settle = ({ batch, outcome }: Settled): void => {
    const { file, unreadable, unreadableCount, end } = batch;
    batch.release();
    const place = (record: number | undefined) => `${file.path}:${(record ?? 0) + 1}`;
    progress.settle(outcome, (line) => place(batch.records[line]));
    for (const { record, reason } of unreadable) progress.name(place(record), reason);
    const counts = file.progress;
    counts.accepted += outcome.accepted + batch.arrived;
    counts.refused += outcome.rejected;
    counts.unreadable += unreadableCount;
    counts.settled = Math.max(counts.settled, end);
    progress.show('importing', progress.accepted, (bytesBefore + batch.bytesRead) / bytes);
    if (performance.now() - savedMs < SAVE_MS) return;
    state.save();
    savedMs = performance.now();
  };
  const inFlight = new InOrder<Settled>(REQUESTS_MAX, settle);
  const send = async (batch: Batch): Promise<void> => {
    const { body, end, file } = batch;
    if (end > file.progress.sentMax) {
      file.progress.sentMax = end + AHEAD_RECORDS;
      state.save();
    }
    await inFlight.add(async () => ({
      batch,
      outcome: body.length === 0 ? NOTHING_SENT : await postBatch(body, target),
    }));
  };
  state.save();
  try {
    for (const file of files) {
      let leavesLine = false;
      for await (const batch of batchesOf(file, file.format, state.id, arrived)) {
        await send(batch);
        leavesLine = batch.leavesLine;
      }
      await inFlight.tellAll();
      ended(file, leavesLine, progress);
      bytesBefore += file.bytes;
    }
  } catch (error) {
    // What is on its way counts all the same.
    await inFlight.tellAll().catch(() => {});
    throw error;
  }
  state.save();
}

function ended(
  { path, bytes, modifiedMs, progress: counts }: ImportFile,
  leavesLine: boolean,
  progress: BulkProgress,
): void {
  counts.sentMax = counts.settled;
  if (!leavesLine) {
    counts.end = { bytes, modifiedMs };
    return;
  }
  delete counts.end;
  progress.say(
    `${path}: the last line has no end yet and is left: the same command takes it once it has one, or once the file has not changed for a minute`,
  );
}
