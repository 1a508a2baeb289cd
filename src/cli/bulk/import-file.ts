/** One file of an import: its records from where it is settled, as batches that are sent and settled in order. */
import { createReadStream } from 'node:fs';
import { lineId } from './event-id.ts';
import type { ImportFile } from './import-files.ts';
import { type ImportFormat, type MadeEvent, Unreadable } from './import-format.ts';

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
  const { path, progress } = file;
  const { settled, sentMax } = progress;
  const idPrefix = idPrefixOf(importId, progress.number);
  const input = createReadStream(path, { highWaterMark: READ_BYTES });
  let batch = new OpenBatch(file);
  let record = 0;
  /** What may have been sent before, from `settled` on: it is asked for at once. */
  let unknown: MadeEvent[] = [];
  const addUnknown = async (): Promise<void> => {
    const first = record - unknown.length;
    const arrived = await askArrived(
      unknown.filter((event) => typeof event === 'string'),
      first,
      record,
    );
    for (const [i, event] of unknown.entries()) {
      const hasArrived = typeof event === 'string' && arrived.has(idOf(event));
      batch.add(first + i, hasArrived ? ARRIVED : event);
    }
    unknown = [];
  };
  for await (const page of format.pages(input, path)) {
    // What is settled is only counted.
    const from = Math.min(page.count, Math.max(0, settled - record));
    record += from;
    for (let i = from; i < page.count; i++) {
      const event = page.event(i, lineId(idPrefix, record));
      if (record < sentMax) unknown.push(event);
      else batch.add(record, event);
      record++;
      if (record === sentMax) await addUnknown();
      if (batch.chars < BATCH_CHARS) continue;
      yield batch.closed(record, input.bytesRead);
      batch = new OpenBatch(file);
    }
  }
  // The file ends before the records that might have been sent of it.
  if (unknown.length > 0) await addUnknown();
  yield batch.closed(record, input.bytesRead);
}

/** As the server has it: a record may have brought its own. */
export const idOf = (event: string): string => {
  const { id } = JSON.parse(event) as { readonly id: unknown };
  return Buffer.from(`${id}`, 'latin1').toString();
};

export const idPrefixOf = (importId: string, file: number): string =>
  `${importId}.${file.toString(36).padStart(3, '0')}`;

const ARRIVED = Symbol('arrived');

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

  add(record: number, event: MadeEvent | typeof ARRIVED): void {
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
