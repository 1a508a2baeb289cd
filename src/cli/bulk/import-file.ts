/** One file of an import: its records from where it is settled, as batches that are sent and settled in order. */
import { createReadStream } from 'node:fs';
import { lineId } from './event-id.ts';
import type { ImportFile } from './import-files.ts';
import { type ImportFormat, type MadeEvent, type RecordPage, Unreadable } from './import-format.ts';
import type { SourceProgress } from './import-state.ts';

export interface Batch {
  readonly file: ImportFile;
  readonly body: Buffer;
  readonly events: number;
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
}

/** Which events of records of which nobody knows whether they were sent have arrived: their records are from `first` to below `end`. */
export type AskArrived = (
  events: readonly string[],
  first: number,
  end: number,
) => Promise<ReadonlySet<string>>;

/** Of a body. Larger spares nothing, smaller costs calls: see load-tests/import-bench.ts. */
const BATCH_CHARS = 2 ** 19;
/** Records that are no events, of a batch with their reasons. */
const UNREADABLE_NAMED_MAX = 20;
const READ_BYTES = 2 ** 18;

export async function* batchesOf(
  file: ImportFile,
  format: ImportFormat,
  importId: string,
  askArrived: AskArrived,
): AsyncGenerator<Batch> {
  const input = createReadStream(file.path, { highWaterMark: READ_BYTES });
  const pages = unsettled(format.pages(input, file.path), file.progress, importId, askArrived);
  let batch = new OpenBatch(file);
  let end = file.progress.settled;
  for await (const { first, events } of pages) {
    end = first;
    for (const event of events) {
      batch.add(end++, event);
      if (batch.chars < BATCH_CHARS) continue;
      yield batch.closed(end, input.bytesRead);
      batch = new OpenBatch(file);
    }
  }
  yield batch.closed(end, input.bytesRead);
}

const ARRIVED = Symbol('arrived');
type FoundEvent = MadeEvent | typeof ARRIVED;

interface EventPage {
  readonly first: number;
  readonly events: readonly FoundEvent[];
}

/** Without records that are settled. Those that may have been sent before come first, on one page. */
async function* unsettled(
  pages: AsyncIterable<RecordPage>,
  { number, settled, sentMax }: SourceProgress,
  importId: string,
  askArrived: AskArrived,
): AsyncGenerator<EventPage> {
  const idPrefix = idPrefixOf(importId, number);
  let unknown: MadeEvent[] = [];
  const known = async (): Promise<EventPage> => {
    const [first, events] = [settled, unknown];
    unknown = [];
    const texts = events.filter((event) => typeof event === 'string');
    const arrived = await askArrived(texts, first, first + events.length);
    const hasArrived = (event: MadeEvent) => typeof event === 'string' && arrived.has(idOf(event));
    return { first, events: events.map((event) => (hasArrived(event) ? ARRIVED : event)) };
  };
  let record = 0;
  for await (const page of pages) {
    const events: MadeEvent[] = [];
    // What is settled is only counted.
    const from = Math.min(page.count, Math.max(0, settled - record));
    for (let i = from; i < page.count; i++) {
      const at = record + i;
      const event = page.event(i, lineId(idPrefix, at));
      (at < sentMax ? unknown : events).push(event);
    }
    record += page.count;
    if (unknown.length > 0 && record >= sentMax) yield await known();
    if (events.length > 0) yield { first: record - events.length, events };
  }
  // The file ends before the records that might have been sent of it.
  if (unknown.length > 0) yield await known();
}

/** As the server has it: a record may have brought its own. */
export const idOf = (event: string): string => {
  const { id } = JSON.parse(event) as { readonly id: unknown };
  return Buffer.from(`${id}`, 'latin1').toString();
};

export const idPrefixOf = (importId: string, file: number): string =>
  `${importId}.${file.toString(36).padStart(3, '0')}`;

class OpenBatch {
  chars = 0;
  readonly #file: ImportFile;
  readonly #lines: string[] = [];
  readonly #records: number[] = [];
  readonly #unreadable: { record: number; reason: string }[] = [];
  #unreadableCount = 0;
  #arrived = 0;

  constructor(file: ImportFile) {
    this.#file = file;
  }

  add(record: number, event: FoundEvent): void {
    if (event === ARRIVED) {
      this.#arrived++;
    } else if (event instanceof Unreadable) {
      if (this.#unreadableCount++ < UNREADABLE_NAMED_MAX) {
        this.#unreadable.push({ record, reason: event.reason });
      }
    } else if (event !== undefined) {
      this.chars += event.length + 1;
      this.#lines.push(event);
      this.#records.push(record);
    }
  }

  closed(end: number, bytesRead: number): Batch {
    const lines = this.#lines;
    return {
      file: this.#file,
      body: Buffer.from(lines.length === 0 ? '' : `${lines.join('\n')}\n`, 'latin1'),
      events: lines.length,
      records: this.#records,
      end,
      unreadable: this.#unreadable,
      unreadableCount: this.#unreadableCount,
      arrived: this.#arrived,
      bytesRead,
    };
  }
}
