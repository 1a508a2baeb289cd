/** Blocks from events as objects, and what a segment must say of them. */
import fc from 'fast-check';
import { Block } from '../../../src/model/block.ts';
import { BLOCK_KIND } from '../../../src/model/block-format.ts';
import { packBlock } from '../../../src/model/block-writer.ts';
import {
  BOOLEAN,
  COLUMN_KIND,
  type Column,
  type ColumnKind,
  ROLE,
  type Role,
} from '../../../src/model/columns.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import { decodeVerdict, encodeVerdict, type Verdict } from '../../../storage/state/rows.ts';

export type Value = string | number | boolean;

export interface SampleEvent {
  readonly id: string | null;
  readonly ts: number;
  readonly type: string;
  readonly fields: Readonly<Record<string, Value>>;
}

export interface SampleBlock {
  readonly partition: number;
  readonly arrivalMs: number;
  readonly events: readonly SampleEvent[];
  /** Of each event; those that are missing are kept. */
  readonly keep?: readonly boolean[];
}

/** An event as a reader of a segment sees it. */
export interface SeenEvent {
  readonly id: string | null;
  readonly ts: number;
  readonly type: string;
  readonly fields: Readonly<Record<string, Value | null>>;
  readonly more: Readonly<Record<string, string>> | null;
  readonly arrivalMs: number;
  readonly partition: number;
  readonly position: number;
  readonly row: number;
}

export const OF = { tenant: 'acme', stream: 'events' } as const;

export function blockOf({ partition, arrivalMs, events }: SampleBlock): Block {
  const columns: Column[] = [
    numbers(
      'ts',
      ROLE.ts,
      events.map(({ ts }) => ts),
    ),
    strings(
      'type',
      ROLE.type,
      events.map(({ type }) => type),
    ),
  ];
  if (events.some(({ id }) => id !== null))
    columns.push(
      strings(
        'id',
        ROLE.id,
        events.map(({ id }) => id),
      ),
    );
  for (const name of new Set(events.flatMap(({ fields }) => Object.keys(fields)))) {
    const values = events.map(
      ({ fields }) => (Object.hasOwn(fields, name) ? fields[name] : null) ?? null,
    );
    const texts = values.map((value) => (typeof value === 'string' ? value : null));
    const amounts = values.map((value) => (typeof value === 'number' ? value : null));
    const flags = values.map((value) => (typeof value === 'boolean' ? value : null));
    if (texts.some(isThere)) columns.push(strings(name, ROLE.field, texts));
    if (amounts.some(isThere)) columns.push(numbers(name, ROLE.field, amounts));
    if (flags.some(isThere)) columns.push(booleans(name, flags));
  }
  const header = {
    ...OF,
    ...{ kind: BLOCK_KIND.events, producerId: 1, producerEpoch: 1, sequence: 1, rejected: 0 },
    ...{ partition, arrivalMs, received: events.length },
  };
  return new Block(packBlock(header, columns, { count: events.length, index: undefined }));
}

const isThere = (value: unknown): boolean => value !== null;

export function verdictOf({ events, keep }: SampleBlock): Verdict | undefined {
  if (keep === undefined) return undefined;
  const bytes = Uint8Array.from(events, (_, row) => (keep[row] === false ? 0 : 1));
  return decodeVerdict(encodeVerdict(bytes, events.length));
}

/** Of blocks that lie at those offsets: what must be read from them, dropped rows left out. */
export function seenOf(
  blocks: readonly SampleBlock[],
  offsetOf: (index: number) => number,
  schema: StreamSchema,
): SeenEvent[] {
  return blocks.flatMap(({ events, keep, arrivalMs, partition }, i) =>
    events.flatMap(({ id, ts, type, fields }, row) => {
      if (keep?.[row] === false) return [];
      const columns: Record<string, Value | null> = {};
      const more = new Map(Object.entries(fields));
      for (const { name, field, kind } of schema.columns) {
        const value = more.get(field);
        const isOfKind = value !== undefined && kindOf(value) === kind;
        columns[name] = isOfKind ? value : null;
      }
      for (const { field, kind } of schema.columns) {
        const value = more.get(field);
        if (value !== undefined && kindOf(value) === kind) more.delete(field);
      }
      const texts = Object.fromEntries([...more].map(([name, value]) => [name, textOf(value)]));
      const rest = { arrivalMs, partition, position: offsetOf(i), row };
      return [{ id, ts, type, fields: columns, more: more.size === 0 ? null : texts, ...rest }];
    }),
  );
}

const textOf = (value: Value): string => (Object.is(value, -0) ? '-0' : String(value));

function kindOf(value: Value): ColumnKind {
  if (typeof value === 'string') return COLUMN_KIND.string;
  return typeof value === 'number' ? COLUMN_KIND.number : COLUMN_KIND.boolean;
}

function strings(name: string, role: Role, values: readonly (string | null)[]): Column {
  const codeOf = new Map<string, number>();
  const codes = Uint32Array.from(values, (value) => {
    if (value === null) return 0;
    const code = codeOf.get(value) ?? codeOf.size + 1;
    codeOf.set(value, code);
    return code;
  });
  const texts = [...codeOf.keys()].map((text) => Buffer.from(text));
  const offsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + text.length;
  });
  const entries = { count: texts.length, offsets, bytes: Buffer.concat(texts) };
  return { kind: COLUMN_KIND.string, role, name, codes, entries };
}

const numbers = (name: string, role: Role, values: readonly (number | null)[]): Column => ({
  kind: COLUMN_KIND.number,
  role,
  name,
  values: Float64Array.from(values, (value) => value ?? Number.NaN),
});

const booleans = (name: string, values: readonly (boolean | null)[]): Column => ({
  kind: COLUMN_KIND.boolean,
  role: ROLE.field,
  name,
  values: Uint8Array.from(values, (value) =>
    value === null ? BOOLEAN.absent : value ? BOOLEAN.true : BOOLEAN.false,
  ),
});

const text = fc.string({ unit: 'binary', maxLength: 80 });
export const fieldName = fc.oneof(
  fc.constantFrom(
    'url',
    'URL',
    'id2',
    'more',
    '_row',
    'dt',
    '1st',
    '',
    'é',
    'a.b',
    'a b',
    '"',
    "'",
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const value: fc.Arbitrary<Value> = fc.oneof(
  fc.boolean(),
  text,
  fc.constantFrom('', '\0', 'same', 'same'),
  fc.constantFrom(0, -0, 1e308, 5e-324, 2 ** 53 - 1, 2 ** 53, -(2 ** 53) + 1, 255, 65_536),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

const MS_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const sampleEvent: fc.Arbitrary<SampleEvent> = fc.record({
  id: fc.option(text),
  ts: fc.oneof(fc.constantFrom(0, MS_MAX), fc.nat({ max: MS_MAX })),
  type: fc.oneof(fc.constantFrom('view', 'click'), text),
  fields: fc.dictionary(
    fieldName.filter((name) => name !== 'type'),
    value,
    { maxKeys: 6 },
  ),
});

export const sampleBlock: fc.Arbitrary<SampleBlock> = fc.record(
  {
    partition: fc.nat({ max: 1_023 }),
    arrivalMs: fc.nat({ max: MS_MAX }),
    events: fc.array(sampleEvent, { minLength: 1, maxLength: 30 }),
    keep: fc.array(fc.boolean(), { maxLength: 30 }),
  },
  { requiredKeys: ['partition', 'arrivalMs', 'events'] },
);
