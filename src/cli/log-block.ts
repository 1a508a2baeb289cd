/** One block of the log as plain data: its header, its columns, its first rows. */
import { kindName } from '../../storage/log/journal-summary.ts';
import { Block, type BlockColumn, readControl } from '../model/block.ts';
import { AT, BLOCK_KIND } from '../model/block-format.ts';
import { BOOLEAN, COLUMN_KIND, ROLE } from '../model/columns.ts';

export interface ShownBlock {
  readonly header: Readonly<Record<string, string | number>>;
  readonly columns: readonly ShownColumn[];
  /** Of an event block or one of dead letters: the values by the columns' names, the first rows only. */
  readonly rows: readonly Readonly<Record<string, string | number | boolean>>[];
  /** Of a control block. */
  readonly control?: unknown;
}

interface ShownColumn {
  readonly name: string;
  readonly kind: string;
  readonly role: string;
  readonly bytes: number;
  /** In the dictionary of strings. */
  readonly entries: number;
}

const KIND_NAMES = { 1: 'string', 2: 'number', 3: 'boolean' } as const;
const ROLE_NAMES = { 0: 'field', 1: 'ts', 2: 'id', 3: 'type' } as const;

/** `bytes` start 8-byte aligned, and their checksum holds. Throws `block_corrupt` where columns are not in the block. */
export function shownBlock(bytes: Uint8Array, offset: number, rowsMax: number): ShownBlock {
  const block = new Block(bytes);
  const version = bytes[AT.version] ?? 0;
  const erased = block.erasedRows();
  return {
    header: {
      offset,
      nextOffset: offset + bytes.length,
      bytes: bytes.length,
      version,
      kind: kindName(block.kind, block.partition),
      partition: block.partition,
      tenant: block.tenant,
      stream: block.stream,
      arrival: timeOf(block.arrivalMs),
      producer: `${block.producerId} in life ${block.producerEpoch}`,
      sequence: block.sequence,
      rows: block.rows,
      received: block.received,
      rejected: block.rejected,
      ...(block.kind === BLOCK_KIND.events && {
        tsMin: timeOf(block.tsMinMs),
        tsMax: timeOf(block.tsMaxMs),
      }),
      ...(erased && { erased: erased.reduce((sum, row) => sum + row, 0) }),
    },
    columns: block.columns.map((column) => ({
      name: column.name,
      kind: KIND_NAMES[column.kind] ?? String(column.kind),
      role: ROLE_NAMES[column.role] ?? String(column.role),
      bytes: column.dataLength,
      entries: column.entryCount,
    })),
    ...(block.kind === BLOCK_KIND.control
      ? { rows: [], control: readControl(block) }
      : { rows: firstRows(block, rowsMax, erased) }),
  };
}

type Row = Record<string, string | number | boolean>;

function firstRows(block: Block, rowsMax: number, erased: Uint8Array | undefined): Row[] {
  const rows = Array.from({ length: Math.min(block.rows, rowsMax) }, (): Row => ({}));
  for (const column of block.columns) {
    const value = valuesOf(block, column);
    for (const [i, row] of rows.entries()) {
      const found = erased?.[i] === 1 ? undefined : value(i);
      if (found !== undefined) row[labelOf(column, row)] = found;
    }
  }
  return rows.map((row, i) => (erased?.[i] === 1 ? { erased: true } : row));
}

/** A field may have the name of another of a further kind, or of a role. */
function labelOf({ name, kind, role }: BlockColumn, row: Row): string {
  const label = role === ROLE.field ? name : ROLE_NAMES[role];
  return label in row ? `${label} (${KIND_NAMES[kind]})` : label;
}

function valuesOf(
  block: Block,
  column: BlockColumn,
): (row: number) => string | number | boolean | undefined {
  switch (column.kind) {
    case COLUMN_KIND.string: {
      const codes = new Uint32Array(block.rows);
      block.readCodes(column, codes);
      const { offsets, bytes } = block.entries(column);
      return (row) => {
        const code = codes[row] ?? 0;
        if (code === 0) return undefined;
        return new TextDecoder().decode(bytes.subarray(offsets[code - 1], offsets[code]));
      };
    }
    case COLUMN_KIND.number: {
      const values = new Float64Array(block.rows);
      block.readNumbers(column, values);
      return (row) => (Number.isNaN(values[row]) ? undefined : values[row]);
    }
    case COLUMN_KIND.boolean: {
      const values = block.booleans(column);
      return (row) => (values[row] === BOOLEAN.absent ? undefined : values[row] === BOOLEAN.true);
    }
  }
}

export const timeOf = (ms: number): string =>
  Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : String(ms);
