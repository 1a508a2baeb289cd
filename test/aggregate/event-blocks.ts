/** Event blocks from plain events, for tests: the packing that the edge does, without the edge. */
import { Block } from '../../src/model/block.ts';
import { BLOCK_KIND, type BlockKind } from '../../src/model/block-format.ts';
import { packBlock } from '../../src/model/block-writer.ts';
import { BOOLEAN, COLUMN_KIND, type Column, ROLE, type Role } from '../../src/model/columns.ts';

export type Value = string | number | boolean | null;
/** `ts`, `id` and `type` have their roles; everything else is a field. */
export type PlainEvent = Readonly<Record<string, Value>>;

export interface BlockPlace {
  readonly arrivalMs: number;
  readonly partition?: number;
  readonly tenant?: string;
  readonly stream?: string;
  readonly kind?: BlockKind;
  readonly producerEpoch?: number;
  readonly sequence?: number;
  /** Of the events, how many were refused; with kind `deadLetters`. */
  readonly rejected?: number;
}

const ROLES: Readonly<Record<string, Role>> = { ts: ROLE.ts, id: ROLE.id, type: ROLE.type };

/** `repeatEntries`: every string gets a dictionary entry of its own, as blocks may have it. */
export function eventBlock(
  events: readonly PlainEvent[],
  place: BlockPlace,
  repeatEntries = false,
): Block {
  const names = new Set(events.flatMap((event) => Object.keys(event)));
  const columns = [...names].flatMap((name) => columnsOf(name, events, repeatEntries));
  const header = {
    kind: place.kind ?? BLOCK_KIND.events,
    partition: place.partition ?? 0,
    tenant: place.tenant ?? 'default',
    stream: place.stream ?? 'events',
    arrivalMs: place.arrivalMs,
    producerId: 1,
    producerEpoch: place.producerEpoch ?? 1,
    sequence: place.sequence ?? 1,
    received: events.length,
    rejected: place.rejected ?? 0,
  };
  return new Block(packBlock(header, columns, { count: events.length, index: undefined }));
}

/** One column per kind that the field has. */
function columnsOf(name: string, events: readonly PlainEvent[], repeatEntries: boolean): Column[] {
  const values = events.map((event) => event[name] ?? null);
  const role = ROLES[name] ?? ROLE.field;
  const columns: Column[] = [];
  if (values.some((value) => typeof value === 'string')) {
    columns.push(stringColumn(name, role, values, repeatEntries));
  }
  if (values.some((value) => typeof value === 'number')) {
    const numbers = values.map((value) => (typeof value === 'number' ? value : Number.NaN));
    columns.push({ kind: COLUMN_KIND.number, role, name, values: Float64Array.from(numbers) });
  }
  if (values.some((value) => typeof value === 'boolean')) {
    const codes = values.map((value) =>
      typeof value !== 'boolean' ? BOOLEAN.absent : value ? BOOLEAN.true : BOOLEAN.false,
    );
    columns.push({ kind: COLUMN_KIND.boolean, role, name, values: Uint8Array.from(codes) });
  }
  return columns;
}

function stringColumn(
  name: string,
  role: Role,
  values: readonly Value[],
  repeatEntries: boolean,
): Column {
  const texts: string[] = [];
  const codes = values.map((value) => {
    if (typeof value !== 'string') return 0;
    const known = repeatEntries ? -1 : texts.indexOf(value);
    return known >= 0 ? known + 1 : texts.push(value);
  });
  const parts = texts.map((text) => Buffer.from(text));
  const offsets = new Uint32Array(texts.length + 1);
  parts.forEach((part, i) => {
    offsets[i + 1] = (offsets[i] as number) + part.length;
  });
  return {
    kind: COLUMN_KIND.string,
    role,
    name,
    codes: Uint32Array.from(codes),
    entries: { count: texts.length, offsets, bytes: new Uint8Array(Buffer.concat(parts)) },
  };
}
