/**
 * The row groups of a Parquet file, as far as their rows are read by it: where the pages of columns lie, what kind they are of, and
 * the bounds of their numbers (https://github.com/apache/parquet-format, parquet.thrift).
 */
import type { FileHandle } from 'node:fs/promises';
import { FOOTER_TAIL_BYTES } from './footer.ts';
import { ThriftReader } from './thrift-reader.ts';

export const PHYSICAL = { boolean: 0, int32: 1, int64: 2, double: 5, byteArray: 6 } as const;
export const CODEC = { none: 0, zstd: 6 } as const;

/** Levels count the parts of its path that may be absent, and those that are repeated. */
interface Leaf {
  /** Names from the top: one, or `more`, `key_value` and `key` or `value` of a map. */
  readonly path: readonly string[];
  /** Of `PHYSICAL`. */
  readonly physical: number;
  /** Of times: stored integers divided by it are milliseconds. */
  readonly perMs: number;
  readonly definitionMax: number;
  readonly repetitionMax: number;
}

/** A column in a row group. */
export interface ColumnPlace extends Leaf {
  /** Of `CODEC`. */
  readonly codec: number;
  /** Rows; of a map its entries, and one for each row without any. */
  readonly values: number;
  /** Where its pages lie, dictionary first. */
  readonly from: number;
  readonly bytes: number;
  /** Of int64, as stored; undefined where the writer did not say. */
  readonly min: number | undefined;
  readonly max: number | undefined;
}

export interface RowGroup {
  readonly rows: number;
  readonly columns: readonly ColumnPlace[];
}

const REPETITION = { required: 0, repeated: 2 } as const;
const CONVERTED = { millis: 9, micros: 10 } as const;
/** Read at once: the footer of most files. */
const FIRST_READ_BYTES = 64 * 1024;

/** `names`: columns of which anything is told. Throws a `RangeError` if the file is none that we read. */
export async function readRowGroups(
  file: FileHandle,
  names: ReadonlySet<string>,
): Promise<RowGroup[]> {
  const { size } = await file.stat();
  let end = await readRange(file, Math.max(0, size - FIRST_READ_BYTES), size);
  const isWhole =
    end.length > FOOTER_TAIL_BYTES && end.toString('latin1', end.length - 4) === 'PAR1';
  if (!isWhole) throw new RangeError('the file does not end as a Parquet file does');
  const length = end.readUInt32LE(end.length - FOOTER_TAIL_BYTES);
  const from = size - FOOTER_TAIL_BYTES - length;
  if (from < 0) throw new RangeError('a footer is longer than its file');
  if (length + FOOTER_TAIL_BYTES > end.length) end = await readRange(file, from, size);
  const footer = end.subarray(end.length - FOOTER_TAIL_BYTES - length);
  return rowGroupsOf(new ThriftReader(footer), names);
}

/** Throws a `RangeError` if the file is shorter. */
export async function readRange(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(to - from);
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, from + done);
    if (bytesRead === 0) throw new RangeError('the file ends too early');
    done += bytesRead;
  }
  return bytes;
}

function rowGroupsOf(reader: ThriftReader, names: ReadonlySet<string>): RowGroup[] {
  const elements: Element[] = [];
  let leaves: readonly Leaf[] = [];
  const groups: RowGroup[] = [];
  const readGroup = () => {
    const columns: ColumnPlace[] = [];
    let rows = 0;
    let next = 0;
    reader.struct({
      1: () =>
        reader.list(() => {
          const leaf = leaves[next++];
          if (leaf === undefined)
            throw new RangeError('a row group has more columns than its file');
          const place = readPlace(reader, leaf);
          if (names.has(leaf.path[0] ?? '')) columns.push(place);
        }),
      3: () => {
        rows = reader.integer();
      },
    });
    groups.push({ rows, columns });
  };
  reader.struct({
    2: () => {
      reader.list(() => elements.push(readElement(reader)));
      leaves = leavesOf(elements);
    },
    4: () => reader.list(readGroup),
  });
  return groups;
}

function readPlace(reader: ThriftReader, leaf: Leaf): ColumnPlace {
  const found = { codec: Number.NaN, values: 0, data: 0, dictionary: Number.POSITIVE_INFINITY };
  let bytes = 0;
  let min: number | undefined;
  let max: number | undefined;
  const readBounds = () =>
    void reader.struct({
      5: () => {
        max = int64Of(reader.bytes(), leaf);
      },
      6: () => {
        min = int64Of(reader.bytes(), leaf);
      },
    });
  const readMetadata = () =>
    void reader.struct({
      4: () => {
        found.codec = reader.integer();
      },
      5: () => {
        found.values = reader.integer();
      },
      7: () => {
        bytes = reader.integer();
      },
      9: () => {
        found.data = reader.integer();
      },
      11: () => {
        found.dictionary = reader.integer();
      },
      12: readBounds,
    });
  reader.struct({ 3: readMetadata });
  const { codec, values, data, dictionary } = found;
  return { ...leaf, codec, values, from: Math.min(data, dictionary), bytes, min, max };
}

/** A column, or what columns lie in. */
interface Element {
  name: string;
  physical: number;
  repetition: number;
  perMs: number;
  children: number | undefined;
}

function readElement(reader: ThriftReader): Element {
  const found: Element = { name: '', physical: -1, repetition: 0, perMs: 1, children: undefined };
  let converted = 0;
  const readUnit = () =>
    void reader.struct({
      2: () => {
        found.perMs = 1_000;
        reader.struct({});
      },
      3: () => {
        found.perMs = 1_000_000;
        reader.struct({});
      },
    });
  reader.struct({
    1: () => {
      found.physical = reader.integer();
    },
    3: () => {
      found.repetition = reader.integer();
    },
    4: () => {
      found.name = reader.text();
    },
    5: () => {
      found.children = reader.integer();
    },
    6: () => {
      converted = reader.integer();
    },
    // Of logical types only times matter.
    10: () => void reader.struct({ 8: () => void reader.struct({ 2: readUnit }) }),
  });
  if (converted === CONVERTED.micros) found.perMs = 1_000;
  if (converted === CONVERTED.millis) found.perMs = 1;
  return found;
}

/** Elements stand depth first, each before its children. */
function leavesOf(elements: readonly Element[]): Leaf[] {
  const leaves: Leaf[] = [];
  let next = 1;
  const walk = (count: number, path: readonly string[], definition: number, repetition: number) => {
    for (let i = 0; i < count; i++) {
      const element = elements[next++];
      if (element === undefined) throw new RangeError('the schema ends too early');
      const { name, physical, perMs, children } = element;
      const here = [...path, name];
      const definitionMax = definition + (element.repetition === REPETITION.required ? 0 : 1);
      const repetitionMax = repetition + (element.repetition === REPETITION.repeated ? 1 : 0);
      if (children !== undefined) walk(children, here, definitionMax, repetitionMax);
      else leaves.push({ path: here, physical, perMs, definitionMax, repetitionMax });
    }
  };
  walk(elements[0]?.children ?? 0, [], 0, 0);
  return leaves;
}

function int64Of(bytes: Uint8Array, { physical }: Leaf): number | undefined {
  if (physical !== PHYSICAL.int64 || bytes.length !== 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return view.getInt32(4, true) * 2 ** 32 + view.getUint32(0, true);
}
