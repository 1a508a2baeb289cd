/**
 * Which fields the events of each stream have. Not every event is looked at: past a rate whole blocks are passed over, so that
 * it costs little however much comes. Which ones is a function of the log, as everything here. Pure.
 */
import type { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { DistinctTable } from '../../src/aggregate/distinct-sketch.ts';
import { type FieldLook, lookAtField } from '../../src/aggregate/field-look.ts';
import { ByteReader, ByteWriter } from '../../src/aggregate/row-bytes.ts';
import type { Block } from '../../src/model/block.ts';
import { COLUMN_KIND, ROLE } from '../../src/model/columns.ts';
import { encodeFieldRow, type FieldRow, type StreamRow } from '../../storage/state/field-rows.ts';
import { type FieldAt, fieldKey, fieldSamplesKey } from '../../storage/state/keys.ts';
import type { StateOp } from '../../storage/state/state.ts';

/**
 * Events of eight fields that are looked at, in the long run; of more fields fewer, since it is fields that cost. While fewer come, all
 * are, unless in small blocks. One, with different texts in some of its fields, takes a third of a microsecond (`load-tests/fold-bench.ts
 * --fields`): with twelve partitions 1.2 % of a core at any load. Larger sees more of the values of busy streams, and costs as much more.
 */
const LOOKED_PER_SECOND = 3_000;
const FIELDS_PER_LOOKED = 8;
/**
 * What a block costs by itself, in events: a look at a block of six fields takes 12 us, and 0.2 more for each event. Smaller sees more of the
 * events of senders of single ones, whose blocks are small: at 0 looks were a third of what a partition thread did then.
 */
const EVENTS_FOR_BLOCK = 64;
/**
 * What may be looked at in so long is taken from its beginning: of busy streams fields then change in few commits, each of which writes
 * the rows of all that have changed.
 */
const SPELL_MS = 10_000;
/** As many as an event may have by default. */
const FIELDS_PER_STREAM_MAX = 256;
/** Senders name streams and fields. Each takes up to 7 KiB with a full sketch, and 3 KiB stored. */
const FIELDS_MAX = 2_048;
const STREAMS_MAX = 512;
/** Of those, what one tenant may have: they are never free again, and others must find room, too. */
const FIELDS_PER_TENANT_MAX = 512;
const STREAMS_PER_TENANT_MAX = 64;
/** Longer names fit in no key together with the others. */
const NAME_CHARS_MAX = 256;

/** What is stored of the fields of a partition. */
export interface StoredFields {
  readonly streams: readonly (Omit<FieldAt, 'field'> & StreamRow)[];
  readonly fields: readonly (FieldAt & FieldRow)[];
}

export const NO_FIELDS: StoredFields = { streams: [], fields: [] };

type Counted = { -readonly [K in keyof Omit<FieldRow, 'sketch'>]: FieldRow[K] };

interface Field extends Counted {
  readonly at: FieldAt;
  /** Of the table of sketches. */
  readonly slot: number;
  /** Of the newest block that has some; empty if they are committed. What was erased does not come back with later ones. */
  samples: readonly string[];
}

interface Stream {
  readonly at: FieldAt;
  readonly fields: Map<string, Field>;
  looked: number;
  hasOthers: boolean;
}

/** How many streams and fields a tenant has. */
interface Owned {
  streams: number;
  fields: number;
}

export class Fields {
  readonly #partition: number;
  readonly #streams = new Map<string, Stream>();
  /** By tenant. */
  readonly #owned = new Map<string, Owned>();
  /** By tenant what stands for its streams past the bounds: it has no name. */
  readonly #unknown = new Map<string, Stream>();
  readonly #distinct = new DistinctTable();
  readonly #changed = new Set<Field>();
  readonly #changedStreams = new Set<Stream>();
  readonly #out = new ByteWriter();
  #slots = 0;
  #paidToMs: number;

  /** `paidToMs`: as it was committed. */
  constructor(partition: number, stored: StoredFields, paidToMs = 0) {
    this.#partition = partition;
    this.#paidToMs = paidToMs;
    for (const { tenant, stream, looked, hasOthers } of stored.streams) {
      if (stream === '') this.#passOver(tenant);
      const known = this.#stream(tenant, stream);
      if (known !== undefined) Object.assign(known, { looked, hasOthers });
    }
    for (const { tenant, stream, field, sketch, ...counted } of stored.fields) {
      const of = this.#stream(tenant, stream);
      if (of === undefined || !this.#hasRoom(of, field)) continue;
      const known = this.#begin(of, field, counted.firstMs);
      Object.assign(known, counted);
      const bytes = Buffer.from(sketch, 'base64');
      if (bytes.length > 0)
        this.#distinct.mergePayload(known.slot, new ByteReader(bytes), bytes.length);
    }
    this.committed();
  }

  /** When what was looked at is paid for, at the rate that is allowed; part of the partition's state. */
  get paidToMs(): number {
    return this.#paidToMs;
  }

  /** `columns` has read the block; rows with a 0 in `keep` are left out, of which there are `left` others. */
  look(
    block: Block,
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    left: number,
    nowMs: number,
  ): void {
    const spell = Math.floor(nowMs / SPELL_MS);
    if (this.#paidToMs > (spell + 1) * SPELL_MS) return;
    const stream = this.#stream(block.tenant, block.stream);
    if (stream === undefined) {
      this.#passOver(block.tenant);
      return;
    }
    let looks = 0;
    for (const [name, hasTexts] of fieldsOf(block)) {
      const known = stream.fields.get(name);
      if (known === undefined && !this.#hasRoom(stream, name)) {
        stream.hasOthers = true;
        continue;
      }
      looks += 1;
      const slot = known?.slot ?? this.#slots;
      const look = lookAtField(columns, name, hasTexts, keep, this.#distinct, slot);
      // Rows that were left out may have been the only ones with it.
      if (look.texts + look.numbers + look.booleans === 0) continue;
      const field = known ?? this.#begin(stream, name, nowMs);
      add(field, look, nowMs);
      this.#changed.add(field);
    }
    const costs = (EVENTS_FOR_BLOCK + left) * looks;
    const costMs = (costs * 1_000) / (LOOKED_PER_SECOND * FIELDS_PER_LOOKED);
    this.#paidToMs = Math.max(this.#paidToMs, nowMs) + costMs;
    stream.looked += left;
    this.#changedStreams.add(stream);
  }

  changes(): StateOp[] {
    const partition = this.#partition;
    const ops: StateOp[] = [];
    for (const { at, looked, hasOthers } of this.#changedStreams) {
      ops.push({ key: fieldKey(partition, at), value: encodeFieldRow({ looked, hasOthers }) });
    }
    for (const { at, slot, samples, ...counted } of this.#changed) {
      const row = { ...counted, sketch: this.#sketch(slot) };
      ops.push({ key: fieldKey(partition, at), value: encodeFieldRow(row) });
      if (samples.length === 0) continue;
      ops.push({ key: fieldSamplesKey(partition, at), value: encodeFieldRow(samples) });
    }
    return ops;
  }

  committed(): void {
    for (const field of this.#changed) field.samples = [];
    this.#changed.clear();
    this.#changedStreams.clear();
  }

  #sketch(slot: number): string {
    this.#out.at = 0;
    this.#distinct.writePayload(slot, this.#out);
    return Buffer.from(this.#out.bytes.buffer, 0, this.#out.at).toString('base64');
  }

  /** Undefined past the bounds. */
  #stream(tenant: string, stream: string): Stream | undefined {
    const key = `${tenant}\0${stream}`;
    const known = this.#streams.get(key);
    if (known !== undefined || stream === '') return known;
    const owned = this.#owned.get(tenant) ?? { streams: 0, fields: 0 };
    const isFull = owned.streams >= STREAMS_PER_TENANT_MAX || this.#streams.size >= STREAMS_MAX;
    if (isFull) return undefined;
    owned.streams += 1;
    this.#owned.set(tenant, owned);
    const begun = newStream(tenant, stream);
    this.#streams.set(key, begun);
    return begun;
  }

  /** A stream of the tenant is past the bounds; told once. */
  #passOver(tenant: string): void {
    if (this.#unknown.has(tenant)) return;
    const unknown = { ...newStream(tenant, ''), hasOthers: true };
    this.#unknown.set(tenant, unknown);
    this.#changedStreams.add(unknown);
  }

  /** For one more field of the stream. */
  #hasRoom({ at, fields }: Stream, name: string): boolean {
    // Under an empty name stands what is known of the stream.
    if (name === '' || name.length > NAME_CHARS_MAX || name.includes('\0')) return false;
    const ofTenant = this.#owned.get(at.tenant)?.fields ?? 0;
    return (
      fields.size < FIELDS_PER_STREAM_MAX &&
      ofTenant < FIELDS_PER_TENANT_MAX &&
      this.#slots < FIELDS_MAX
    );
  }

  #begin(stream: Stream, name: string, nowMs: number): Field {
    const field: Field = {
      at: { ...stream.at, field: name },
      slot: this.#slots++,
      ...{ texts: 0, numbers: 0, booleans: 0, lookedBefore: stream.looked },
      ...{ firstMs: nowMs, lastMs: nowMs, samples: [] },
    };
    const owned = this.#owned.get(stream.at.tenant);
    if (owned !== undefined) owned.fields += 1;
    stream.fields.set(name, field);
    return field;
  }
}

const newStream = (tenant: string, stream: string): Stream => {
  const at = { tenant, stream, field: '' };
  return { at, fields: new Map(), looked: 0, hasOthers: false };
};

/** The names of a block's fields, and whether some values are texts. */
function fieldsOf({ columns }: Block): Map<string, boolean> {
  const fields = new Map<string, boolean>();
  for (const { role, name, kind } of columns) {
    const field = NAME_OF_ROLE.get(role) ?? name;
    fields.set(field, fields.get(field) === true || kind === COLUMN_KIND.string);
  }
  return fields;
}

const NAME_OF_ROLE: ReadonlyMap<number, string> = new Map([
  [ROLE.id, 'id'],
  [ROLE.ts, 'ts'],
  [ROLE.type, 'type'],
]);

function add(field: Field, look: FieldLook, nowMs: number): void {
  const { texts, numbers, booleans } = look;
  field.texts += texts;
  field.numbers += numbers;
  field.booleans += booleans;
  field.lastMs = nowMs;
  field.samples = look.samples;
}
