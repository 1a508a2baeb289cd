/** Which fields the events of a stream have, over all partitions: read from what these have committed. */

import {
  decodeFieldRow,
  decodeFieldSamples,
  decodeStreamRow,
} from '../../storage/state/field-rows.ts';
import {
  canBeInKey,
  fieldKey,
  fieldRange,
  fieldSamplesRange,
  parseFieldKey,
} from '../../storage/state/keys.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import { DISTINCT_RELATIVE_BOUND, DistinctTable } from '../aggregate/distinct-sketch.ts';
import { SAMPLES_MAX } from '../aggregate/field-look.ts';
import { ByteReader } from '../aggregate/row-bytes.ts';
import { undefinedIfFault } from '../model/errors.ts';

export interface FieldStatistics {
  readonly name: string;
  /** Events in which it is a text, a number, a boolean. */
  readonly texts: number;
  readonly numbers: number;
  readonly booleans: number;
  /** Of the events that were looked at since it was first seen, those that have it: 0 to 1. */
  readonly share: number;
  /** Different values in the events that were looked at, and how far off that may be (19 times of 20). */
  readonly cardinality: number;
  readonly cardinalityErrorBound: number;
  readonly samples: readonly string[];
  /** By arrival. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export interface StreamFields {
  /** Events that were looked at. */
  readonly events: number;
  readonly hasOthers: boolean;
  /** By name. */
  readonly fields: readonly FieldStatistics[];
  readonly missingPartitions: readonly number[];
}

export type FieldsPort = (tenant: string, stream: string) => Promise<StreamFields>;

export const fieldsPort =
  (state: StateReader, partitions: number): FieldsPort =>
  async (tenant, stream) => {
    const all = new MergedFields();
    const missingPartitions: number[] = [];
    if (!canBeInKey(stream)) return { ...all.result(), missingPartitions };
    for (let partition = 0; partition < partitions; partition++) {
      const read = await readPartition(state, partition, tenant, stream).catch(undefinedIfFault);
      if (read === undefined) missingPartitions.push(partition);
      else all.add(read);
    }
    return { ...all.result(), missingPartitions };
  };

interface PartitionFields {
  readonly looked: number;
  readonly hasOthers: boolean;
  readonly rows: ReadonlyMap<string, ReturnType<typeof decodeFieldRow>>;
  readonly samples: ReadonlyMap<string, readonly string[]>;
}

async function readPartition(
  state: StateReader,
  partition: number,
  tenant: string,
  stream: string,
): Promise<PartitionFields> {
  let of = { looked: 0, hasOthers: false };
  const rows = new Map<string, ReturnType<typeof decodeFieldRow>>();
  const samples = new Map<string, readonly string[]>();
  for await (const { key, value } of scan(state, fieldRange(partition, tenant, stream))) {
    const { field } = parseFieldKey(key);
    if (field === '') of = decodeStreamRow(value);
    else rows.set(field, decodeFieldRow(value));
  }
  if (of.looked === 0) of = (await streamsPastBounds(state, partition, tenant)) ?? of;
  for await (const { key, value } of scan(state, fieldSamplesRange(partition, tenant, stream))) {
    samples.set(parseFieldKey(key).field, decodeFieldSamples(value));
  }
  return { ...of, rows, samples };
}

/** What stands for streams of the tenant that the partition has no room for, if there are some. */
async function streamsPastBounds(state: StateReader, partition: number, tenant: string) {
  const key = fieldKey(partition, { tenant, stream: '', field: '' });
  const [row] = await state.getMany([key]);
  return row && decodeStreamRow(row);
}

interface Merged {
  readonly slot: number;
  texts: number;
  numbers: number;
  booleans: number;
  firstSeenMs: number;
  lastSeenMs: number;
  readonly samples: Set<string>;
}

/** Adds up partitions; of a field that one of them has never seen its events count as events without it. */
class MergedFields {
  readonly #fields = new Map<string, Merged>();
  readonly #distinct = new DistinctTable();
  readonly #parts: PartitionFields[] = [];

  add(part: PartitionFields): void {
    this.#parts.push(part);
    for (const [name, row] of part.rows) {
      const field = this.#field(name);
      field.texts += row.texts;
      field.numbers += row.numbers;
      field.booleans += row.booleans;
      field.firstSeenMs = Math.min(field.firstSeenMs, row.firstMs);
      field.lastSeenMs = Math.max(field.lastSeenMs, row.lastMs);
      for (const text of part.samples.get(name) ?? []) {
        if (field.samples.size < SAMPLES_MAX) field.samples.add(text);
      }
      const bytes = Buffer.from(row.sketch, 'base64');
      if (bytes.length > 0)
        this.#distinct.mergePayload(field.slot, new ByteReader(bytes), bytes.length);
    }
  }

  result(): Omit<StreamFields, 'missingPartitions'> {
    const names = [...this.#fields.keys()].sort();
    return {
      events: this.#parts.reduce((sum, { looked }) => sum + looked, 0),
      hasOthers: this.#parts.some(({ hasOthers }) => hasOthers),
      fields: names.map((name) => this.#statisticsOf(name, this.#field(name))),
    };
  }

  #statisticsOf(name: string, { slot, samples, ...field }: Merged): FieldStatistics {
    const present = field.texts + field.numbers + field.booleans;
    const since = this.#parts.reduce((sum, { looked, rows }) => {
      return sum + looked - (rows.get(name)?.lookedBefore ?? 0);
    }, 0);
    const cardinality = Math.round(this.#distinct.estimate(slot));
    return {
      ...field,
      name,
      share: since === 0 ? 0 : Math.min(1, present / since),
      cardinality,
      cardinalityErrorBound: Math.ceil(cardinality * DISTINCT_RELATIVE_BOUND),
      samples: [...samples],
    };
  }

  #field(name: string): Merged {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const begun: Merged = {
      slot: this.#fields.size,
      ...{ texts: 0, numbers: 0, booleans: 0 },
      ...{ firstSeenMs: Number.POSITIVE_INFINITY, lastSeenMs: 0, samples: new Set() },
    };
    this.#fields.set(name, begun);
    return begun;
  }
}
