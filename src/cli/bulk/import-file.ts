/** One file of an import: its records from where it is settled, as batches that are sent and settled in order. */
import { createReadStream } from 'node:fs';
import type { AskedIds } from './arrived-ids.ts';
import { EventBytes } from './event-bytes.ts';
import { lineId } from './event-id.ts';
import type { ImportFile } from './import-files.ts';
import {
  type ImportFormat,
  type MadeEvent,
  type RecordPage,
  type Unreadable,
  writeEvent,
} from './import-format.ts';
import { RecordId } from './record-id.ts';

export interface Batch {
  readonly file: ImportFile;
  readonly body: Buffer;
  /** The body has been sent, and its bytes may be those of another one. */
  release(): void;
  /** Of each event of the body its record, from 0. */
  readonly records: readonly number[];
  /** Records up to here are in this batch or in one before. */
  readonly end: number;
  readonly unreadable: readonly { readonly record: number; readonly reason: string }[];
  readonly unreadableCount: number;
  /** Events that had arrived before. */
  readonly arrived: number;
  /** Bytes of the file, as it lies on disk, that were read for it and all before. */
  readonly bytesRead: number;
  /** The file has a last line behind it that has no end yet: it is for the next run. */
  readonly leavesLine: boolean;
}

/** Which of these ids the server has events of. */
export type AskArrived = (asked: AskedIds) => Promise<ReadonlySet<string>>;

/** Of a body. Larger spares nothing, smaller costs calls: see load-tests/import-bench.ts. */
const BATCH_BYTES = 2 ** 19;
const NEW_LINE = 10;
const NONE: ReadonlySet<string> = new Set();
/** Records that are no events, of a batch with their reasons. */
const UNREADABLE_NAMED_MAX = 20;
const READ_BYTES = 2 ** 18;
/** What writes a log writes the rest of a line at once, or never. */
const GROWING_MS = 60_000;

export async function* batchesOf(
  file: ImportFile,
  format: ImportFormat,
  importId: string,
  askArrived: AskArrived,
): AsyncGenerator<Batch> {
  const { path, progress } = file;
  const { settled, sentMax } = progress;
  const input = createReadStream(path, { highWaterMark: READ_BYTES });
  const idPrefix = idPrefixOf(importId, progress.number);
  const spare: EventBytes[] = [];
  let batch = new OpenBatch(file, spare);
  /** Asked while the file is read from its beginning. */
  const numbered =
    settled < sentMax
      ? askArrived({ from: lineId(idPrefix, settled), to: lineId(idPrefix, sentMax) })
      : undefined;
  // Whoever waits for it hears of it then.
  numbered?.catch(() => {});
  /** Records from `settled` on that may have been sent before. */
  let unknown: MadeEvent[] = [];
  const scratch = new EventBytes();
  const resolved = async function* () {
    if (unknown.length === 0) return;
    const events = unknown;
    unknown = [];
    const ids = events.map(idOf);
    const own = ids.filter((id): id is string => id?.startsWith(idPrefix) === false);
    const arrivedOwn = own.length === 0 ? NONE : await askArrived({ ids: own });
    const arrivedNumbered = (await numbered) ?? NONE;
    for (const [i, event] of events.entries()) {
      const id = ids[i];
      if (id !== undefined && (arrivedNumbered.has(id) || arrivedOwn.has(id))) batch.arrived++;
      else batch.add(settled + i, writeEvent(event, batch.out));
      if (batch.out.length < BATCH_BYTES) continue;
      yield batch.closed(settled + i + 1, input.bytesRead);
      batch = new OpenBatch(file, spare);
    }
  };
  let record = 0;
  let leavesLine = false;
  const takesUnended = (isPacked: boolean): boolean => {
    leavesLine = !isPacked && Date.now() - file.modifiedMs < GROWING_MS;
    return !leavesLine;
  };
  for await (const page of format.pages(input, path, takesUnended)) {
    // What is settled is only counted.
    const from = Math.min(page.count, Math.max(0, settled - record));
    record += from;
    const id = new RecordId(lineId(idPrefix, record));
    for (let i = from; i < page.count; i++, id.next()) {
      if (record < sentMax) {
        unknown.push(made(page, i, id, scratch));
        record++;
        if (record === sentMax) yield* resolved();
        continue;
      }
      batch.add(record, page.write(i, id, batch.out));
      record++;
      if (batch.out.length < BATCH_BYTES) continue;
      yield batch.closed(record, input.bytesRead);
      batch = new OpenBatch(file, spare);
    }
  }
  // The file ends before the records that might have been sent of it.
  yield* resolved();
  yield batch.closed(record, input.bytesRead, leavesLine);
}

function made(page: RecordPage, index: number, id: RecordId, scratch: EventBytes): MadeEvent {
  scratch.length = 0;
  const event = page.write(index, id, scratch);
  return event === true ? scratch.latin1() : event || undefined;
}

/** As the server has it: a record may have brought its own. Undefined for what it refuses. */
function idOf(event: MadeEvent): string | undefined {
  if (typeof event !== 'string') return undefined;
  try {
    return Buffer.from(`${JSON.parse(event).id}`, 'latin1').toString();
  } catch {
    return undefined;
  }
}

const idPrefixOf = (importId: string, file: number): string =>
  `${importId}.${file.toString(36).padStart(3, '0')}`;

class OpenBatch {
  readonly out: EventBytes;
  /** Events that need not be sent. */
  arrived = 0;
  readonly #file: ImportFile;
  readonly #spare: EventBytes[];
  readonly #records: number[] = [];
  readonly #unreadable: { record: number; reason: string }[] = [];
  #unreadableCount = 0;

  /** `spare` are as many as are under way at once: the same memory again and again, for fresh one has to be brought in page by page. */
  constructor(file: ImportFile, spare: EventBytes[]) {
    this.#file = file;
    this.#spare = spare;
    this.out = spare.pop() ?? new EventBytes();
    this.out.length = 0;
  }

  /** What was written to `out` of a record. */
  add(record: number, made: boolean | Unreadable): void {
    if (made === true) {
      this.out.byte(NEW_LINE);
      this.#records.push(record);
    } else if (made !== false && this.#unreadableCount++ < UNREADABLE_NAMED_MAX) {
      this.#unreadable.push({ record, reason: made.reason });
    }
  }

  closed(end: number, bytesRead: number, leavesLine = false): Batch {
    return {
      file: this.#file,
      body: this.out.view(),
      release: () => this.#spare.push(this.out),
      records: this.#records,
      end,
      unreadable: this.#unreadable,
      unreadableCount: this.#unreadableCount,
      arrived: this.arrived,
      bytesRead,
      leavesLine,
    };
  }
}
