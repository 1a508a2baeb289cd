/**
 * Keys of the state store (drawing: storage/FORMAT.md, "State keys"). Big-endian and self-delimiting, so that byte order
 * is the order of the fields: everything of a partition lies together, in it everything of a tenant, and the rows of one
 * column group lie in the order of time. A range that a query reads is one run of neighbours.
 */
import { AppError } from '../../src/model/errors.ts';
import type { KeyRange } from './state.ts';

/** What a row is: first those of a partition, then those of a tenant in it. */
export const ROW_KIND = {
  partitionState: 1,
  definitions: 2,
  verdict: 3,
  liveRollup: 4,
  deadLetterCount: 5,
  ledger: 16,
  deadLetter: 17,
  series: 18,
  rollup: 19,
  erased: 20,
  field: 21,
  fieldSamples: 22,
  session: 23,
} as const;
type RowKind = (typeof ROW_KIND)[keyof typeof ROW_KIND];

/** Rows that belong to a partition and to no tenant. A tenant's name is never empty. */
const NO_TENANT = '';
/** Greatest offset and hour that a key holds: 2^53 - 1. */
const KEY_NUMBER_MAX = Number.MAX_SAFE_INTEGER;

export interface RollupRowAt {
  readonly partition: number;
  readonly tenant: string;
  readonly rollup: string;
  readonly stepMs: number;
  readonly group: number;
  readonly bucketMs: number;
}
export interface LedgerRowAt {
  readonly partition: number;
  readonly tenant: string;
  readonly arrivalHourMs: number;
  readonly stream: string;
}
export interface DeadLetterAt {
  readonly partition: number;
  readonly tenant: string;
  /** Of its block. */
  readonly offset: number;
  readonly row: number;
}

export interface FieldAt {
  readonly tenant: string;
  readonly stream: string;
  readonly field: string;
}

export interface SessionAt {
  readonly tenant: string;
  /** Of what makes the sessions. */
  readonly name: string;
  readonly user: string;
}

/** What lies behind everything of a tenant in its partition; without a tenant, behind the partition's own rows. */
export const tenantsAfter = (partition: number, tenant = NO_TENANT): KeyRange => ({
  from: writer.restart().u16(partition).text(tenant).u8(0xff).end(),
  to:
    partition === 0xffff
      ? serverKey()
      : writer
          .restart()
          .u16(partition + 1)
          .end(),
});
export const tenantOf = (key: Uint8Array): string => readAll(key).tenant;

/** Of whose rows a key is; no partition has as high a number as the keys of the server begin with. */
export const partitionOf = (key: Uint8Array): number =>
  ((key[0] as number) << 8) | (key[1] as number);

/** Everything of a partition. */
export const partitionRange = (partition: number): KeyRange => ({
  from: writer.restart().u16(partition).end(),
  to: writer
    .restart()
    .u16(partition + 1)
    .end(),
});

/** The one row about the whole store. 0xff is in no UTF-8 text, so no tenant's key is this one. */
export const serverKey = (): Uint8Array => new Uint8Array([0xff, 0xff, 0xff]);

export const partitionStateKey = (partition: number): Uint8Array =>
  begin(partition, NO_TENANT, ROW_KIND.partitionState).end();

/** The rollups in effect in the partition. */
export const definitionsKey = (partition: number): Uint8Array =>
  begin(partition, NO_TENANT, ROW_KIND.definitions).end();

/** Says that the tenant has rows of the rollup. */
export const liveRollupKey = (partition: number, tenant: string, rollup: string): Uint8Array =>
  begin(partition, NO_TENANT, ROW_KIND.liveRollup).text(tenant).text(rollup).end();
export const liveRollupRange = (partition: number): KeyRange =>
  kindRange(partition, NO_TENANT, ROW_KIND.liveRollup);
export function parseLiveRollupKey(key: Uint8Array): { tenant: string; rollup: string } {
  const reader = readAll(key);
  return { tenant: reader.text(), rollup: reader.text() };
}

export const deadLetterCountKey = (partition: number, tenant: string): Uint8Array =>
  begin(partition, NO_TENANT, ROW_KIND.deadLetterCount).text(tenant).end();
export const deadLetterCountRange = (partition: number): KeyRange =>
  kindRange(partition, NO_TENANT, ROW_KIND.deadLetterCount);
export const deadLetterCountTenant = (key: Uint8Array): string => readAll(key).text();

export const verdictKey = (partition: number, offset: number): Uint8Array =>
  begin(partition, NO_TENANT, ROW_KIND.verdict).u64(offset).end();
/** Verdicts of blocks in `[from, to)`. */
export const verdictRange = (partition: number, from: number, to: number): KeyRange => ({
  from: verdictKey(partition, from),
  to: verdictKey(partition, to),
});
export const verdictOffset = (key: Uint8Array): number => readAll(key).u64();

export const ledgerKey = ({ partition, tenant, arrivalHourMs, stream }: LedgerRowAt): Uint8Array =>
  begin(partition, tenant, ROW_KIND.ledger).u64(arrivalHourMs).text(stream).end();
/** All streams of a tenant, hours that start in `[fromMs, toMs)`. */
export const ledgerRange = (
  partition: number,
  tenant: string,
  fromMs: number,
  toMs: number,
): KeyRange => ({
  from: begin(partition, tenant, ROW_KIND.ledger).u64(fromMs).end(),
  to: begin(partition, tenant, ROW_KIND.ledger).u64(toMs).end(),
});
/** Of the events of a line of the ledger that were applied: how many were erased since. */
export const erasedKey = ({ partition, tenant, arrivalHourMs, stream }: LedgerRowAt): Uint8Array =>
  begin(partition, tenant, ROW_KIND.erased).u64(arrivalHourMs).text(stream).end();
/** As `ledgerRange`; its keys are read by `parseLedgerKey`. */
export const erasedRange = (
  partition: number,
  tenant: string,
  fromMs: number,
  toMs: number,
): KeyRange => ({
  from: begin(partition, tenant, ROW_KIND.erased).u64(fromMs).end(),
  to: begin(partition, tenant, ROW_KIND.erased).u64(toMs).end(),
});
export function parseLedgerKey(key: Uint8Array): LedgerRowAt {
  const reader = readAll(key);
  const { partition, tenant } = reader;
  return { partition, tenant, arrivalHourMs: reader.u64(), stream: reader.text() };
}

export const deadLetterKey = ({ partition, tenant, offset, row }: DeadLetterAt): Uint8Array =>
  begin(partition, tenant, ROW_KIND.deadLetter).u64(offset).u32(row).end();
/** Oldest first. */
export const deadLetterRange = (partition: number, tenant: string): KeyRange =>
  kindRange(partition, tenant, ROW_KIND.deadLetter);
export function parseDeadLetterKey(key: Uint8Array): DeadLetterAt {
  const reader = readAll(key);
  const { partition, tenant } = reader;
  return { partition, tenant, offset: reader.u64(), row: reader.u32() };
}

export const seriesKey = (
  partition: number,
  tenant: string,
  rollup: string,
  id: number,
): Uint8Array => begin(partition, tenant, ROW_KIND.series).text(rollup).u32(id).end();
/** Series with an id above `afterId`, ascending; all of them without it. */
export function seriesRange(
  partition: number,
  tenant: string,
  rollup: string,
  afterId = -1,
): KeyRange {
  const prefix = begin(partition, tenant, ROW_KIND.series).text(rollup).end();
  return { from: appendU32(prefix, afterId + 1), to: prefixEnd(prefix) };
}
export const seriesIdOf = (key: Uint8Array): number => {
  const reader = readAll(key);
  reader.text();
  return reader.u32();
};

/** Of a user's open sessions, by the name of what makes them. */
export const sessionKey = (partition: number, { tenant, name, user }: SessionAt): Uint8Array =>
  begin(partition, tenant, ROW_KIND.session).text(name).text(user).end();
/** Of all users, of all of the tenant's sessions or of those of one name. */
export const sessionRange = (partition: number, tenant: string, name?: string): KeyRange =>
  namedRange(partition, tenant, ROW_KIND.session, name);
export function parseSessionKey(key: Uint8Array): SessionAt {
  const reader = readAll(key);
  return { tenant: reader.tenant, name: reader.text(), user: reader.text() };
}

/** What is known of a field of a stream; of the stream itself under an empty name. */
export const fieldKey = (partition: number, { tenant, stream, field }: FieldAt): Uint8Array =>
  begin(partition, tenant, ROW_KIND.field).text(stream).text(field).end();
/** Values that a field had, apart: they can be deleted while the partition works. */
export const fieldSamplesKey = (
  partition: number,
  { tenant, stream, field }: FieldAt,
): Uint8Array => begin(partition, tenant, ROW_KIND.fieldSamples).text(stream).text(field).end();
/** Of a stream, or of all of the tenant. */
export const fieldRange = (partition: number, tenant: string, stream?: string): KeyRange =>
  namedRange(partition, tenant, ROW_KIND.field, stream);
export const fieldSamplesRange = (partition: number, tenant: string, stream?: string): KeyRange =>
  namedRange(partition, tenant, ROW_KIND.fieldSamples, stream);
/** Of both kinds. */
export function parseFieldKey(key: Uint8Array): FieldAt {
  const reader = readAll(key);
  return { tenant: reader.tenant, stream: reader.text(), field: reader.text() };
}
function namedRange(partition: number, tenant: string, kind: RowKind, name?: string): KeyRange {
  if (name === undefined) return kindRange(partition, tenant, kind);
  const prefix = begin(partition, tenant, kind).text(name).end();
  return { from: prefix, to: prefixEnd(prefix) };
}

export const rollupRowKey = (at: RollupRowAt): Uint8Array => rollupRows(at).u48(at.bucketMs).end();
/** Rows of one column group whose buckets start in `[fromMs, toMs)`, in the order of time. */
export const rollupRowRange = (
  at: Omit<RollupRowAt, 'bucketMs'>,
  fromMs: number,
  toMs: number,
): KeyRange => ({
  from: rollupRows(at).u48(fromMs).end(),
  to: rollupRows(at).u48(toMs).end(),
});
/** All rows of a rollup: every step, group and time. */
export function rollupRange(partition: number, tenant: string, rollup: string): KeyRange {
  const prefix = begin(partition, tenant, ROW_KIND.rollup).text(rollup).end();
  return { from: prefix, to: prefixEnd(prefix) };
}
export function parseRollupRowKey(key: Uint8Array): RollupRowAt {
  const reader = readAll(key);
  const { partition, tenant } = reader;
  const rollup = reader.text();
  return {
    partition,
    tenant,
    rollup,
    stepMs: reader.u32(),
    group: reader.u8(),
    bucketMs: reader.u48(),
  };
}
/** The bucket alone: a query needs no more of the keys of rows that it asked for by their names. */
export function bucketOfRollupRow(key: Uint8Array): number {
  const { buffer, byteOffset, byteLength } = key;
  const view = new DataView(buffer, byteOffset + byteLength - 6, 6);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}

const rollupRows = (at: Omit<RollupRowAt, 'bucketMs'>): KeyWriter =>
  begin(at.partition, at.tenant, ROW_KIND.rollup).text(at.rollup).u32(at.stepMs).u8(at.group);

function kindRange(partition: number, tenant: string, kind: RowKind): KeyRange {
  const prefix = begin(partition, tenant, kind).end();
  return { from: prefix, to: prefixEnd(prefix) };
}

/** One writer for all keys of the thread: a key is finished before the next one begins. */
const begin = (partition: number, tenant: string, kind: RowKind): KeyWriter =>
  writer.restart().u16(partition).text(tenant).u8(kind);

const encoder = new TextEncoder();
// A name that begins with a byte order mark keeps it.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Longest key: names are limited far below it by the configuration and the edge. */
const KEY_BYTES_MAX = 1_024;
/** Of a text that somebody asks by: a key has room for it beside all else. */
const ASKED_BYTES_MAX = 256;

/** Whether anything can be stored by this name: what nobody could store need not be looked for. */
export const canBeInKey = (name: string): boolean =>
  !name.includes('\0') && Buffer.byteLength(name) <= ASKED_BYTES_MAX;

/** Finish a key before the next one begins: they share the memory. */
export class KeyWriter {
  readonly #bytes = new Uint8Array(KEY_BYTES_MAX);
  readonly #view = new DataView(this.#bytes.buffer);
  #at = 0;

  restart(): this {
    this.#at = 0;
    return this;
  }
  u8(value: number): this {
    this.#view.setUint8(this.#at, inRange(value, 0xff));
    this.#at += 1;
    return this;
  }
  u16(value: number): this {
    this.#view.setUint16(this.#at, inRange(value, 0xffff));
    this.#at += 2;
    return this;
  }
  u32(value: number): this {
    this.#view.setUint32(this.#at, inRange(value, 0xffff_ffff));
    this.#at += 4;
    return this;
  }
  u48(value: number): this {
    inRange(value, 2 ** 48 - 1);
    return this.u16(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
  }
  u64(value: number): this {
    inRange(value, KEY_NUMBER_MAX);
    return this.u32(Math.floor(value / 2 ** 32)).u32(value % 2 ** 32);
  }
  /** Ends with a zero byte, which sorts before every continuation: `a` comes before `ab`. */
  text(value: string): this {
    const bytes = encoder.encode(value);
    if (bytes.includes(0) || this.#at + bytes.length + 32 > KEY_BYTES_MAX) {
      throw new RangeError(
        `a name in a state key must be short and without NUL, received ${value}`,
      );
    }
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this.u8(0);
  }
  end(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }
}

const writer = new KeyWriter();

function inRange(value: number, max: number): number {
  if (!(Number.isInteger(value) && value >= 0 && value <= max)) {
    throw new RangeError(`a number in a state key must be 0..${max}, received ${value}`);
  }
  return value;
}

/** Reads what follows partition, tenant and kind. Throws `state_corrupt`. */
const readAll = (key: Uint8Array): KeyReader => new KeyReader(key);

class KeyReader {
  readonly partition: number;
  readonly tenant: string;
  readonly kind: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.partition = this.#view.getUint16(this.#take(2));
    this.tenant = this.text();
    this.kind = this.u8();
  }
  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  u48(): number {
    return this.#view.getUint16(this.#take(2)) * 2 ** 32 + this.u32();
  }
  u64(): number {
    return this.u32() * 2 ** 32 + this.u32();
  }
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw this.#corrupt();
    const text = decoder.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }
  #take(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.length) throw this.#corrupt();
    this.#at += bytes;
    return at;
  }
  #corrupt(): AppError {
    return new AppError(
      'state_corrupt',
      `not a state key: ${Buffer.from(this.#bytes).toString('hex')}`,
    );
  }
}

/** The least key behind every key that starts with the prefix. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = prefix.slice();
  const last = end.length - 1;
  // Every prefix here ends with a kind or a zero byte, neither of which is 0xff.
  end[last] = (end[last] as number) + 1;
  return end;
}

function appendU32(prefix: Uint8Array, value: number): Uint8Array {
  const key = new Uint8Array(prefix.length + 4);
  key.set(prefix);
  new DataView(key.buffer).setUint32(prefix.length, value);
  return key;
}
