/** What a journal holds, added up block by block in bounded memory. */

import { type BlockHead, headOf } from '../../src/model/block.ts';
import { AT, BLOCK_KIND, PARTITION_OF_NONE } from '../../src/model/block-format.ts';
import type { Offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';

import type { JournalDamage, JournalVisitor, WalkedFile } from './journal-walk.ts';

/** Of tenants and their streams that are told apart; blocks of more are added up in one line. */
export const SUMMARY_STREAMS_MAX = 10_000;
/** Of places that are told; all are counted. */
export const SUMMARY_DAMAGES_MAX = 1_000;

/** `unknown`: of a later release. `void`: in the place of a damaged one. */
export type KindName = keyof typeof BLOCK_KIND | 'unknown' | 'void';

export interface Sums {
  blocks: number;
  bytes: number;
  rows: number;
}

export interface PartitionSums extends Sums {
  readonly partition: number;
  readonly firstOffset: Offset;
  /** Behind its last block. */
  endOffset: number;
  /** By the edge's clock. */
  firstArrivalMs: number;
  lastArrivalMs: number;
}

export interface StreamSums extends Sums {
  /** Undefined: of all that are past the bound. */
  readonly tenant: string | undefined;
  readonly stream: string | undefined;
  received: number;
  rejected: number;
}

export interface FileSums extends Sums {
  readonly path: string;
  readonly base: Offset;
  readonly createdMs: number;
  /** Size on disk, header included. */
  readonly fileBytes: number;
}

export class JournalSummary implements JournalVisitor {
  readonly files: FileSums[] = [];
  readonly total: Sums = zero();
  readonly kinds = new Map<KindName, Sums>();
  readonly #partitions = new Map<number, PartitionSums>();
  readonly #streams = new Map<string, StreamSums>();
  readonly damages: JournalDamage[] = [];
  damageCount = 0;
  tail: JournalDamage | undefined;
  readonly #wanted: number | undefined;
  readonly #progress: (files: number, bytes: number) => void;
  #readBytes = 0;

  /** `partition`: count blocks of no other. `progress` hears of files and bytes that were read. */
  constructor(
    partition: number | undefined,
    progress: (files: number, bytes: number) => void = () => undefined,
  ) {
    this.#wanted = partition;
    this.#progress = progress;
  }

  get partitions(): PartitionSums[] {
    return [...this.#partitions.values()].sort((a, b) => a.partition - b.partition);
  }

  /** Largest first. */
  get streams(): StreamSums[] {
    return [...this.#streams.values()].sort((a, b) => b.bytes - a.bytes);
  }

  file({ path, base, createdMs, bytes }: WalkedFile): void {
    this.files.push({ path, base, createdMs, fileBytes: bytes, ...zero() });
  }

  block(bytes: Uint8Array, at: Offset): void {
    const view = viewOf(bytes);
    const partition = view.getUint16(AT.partition, true);
    if (this.#wanted !== undefined && this.#wanted !== partition) return;
    const kind = kindName(view.getUint8(AT.kind), partition);
    const head = headOf(bytes);
    const { length } = bytes;
    for (const sums of [this.total, this.files.at(-1), entryOf(this.kinds, kind, zero)]) {
      if (sums !== undefined) add(sums, length, head.rows);
    }
    if (kind !== 'void') this.#addToPartition(partition, head, at, length);
    if (head.tenant !== '') this.#addToStream(head, view.getUint32(AT.rejected, true), length);
  }

  damage(damage: JournalDamage): void {
    this.damageCount += 1;
    if (this.damages.length < SUMMARY_DAMAGES_MAX) this.damages.push(damage);
  }

  unfinished(tail: JournalDamage): void {
    this.tail = tail;
  }

  read(bytes: number): void {
    this.#readBytes += bytes;
    this.#progress(this.files.length, this.#readBytes);
  }

  #addToPartition(partition: number, { arrivalMs, rows }: BlockHead, at: Offset, length: number) {
    const sums = entryOf(this.#partitions, partition, () => ({
      ...{ partition, firstOffset: at, endOffset: 0, ...zero() },
      firstArrivalMs: arrivalMs,
      lastArrivalMs: arrivalMs,
    }));
    add(sums, length, rows);
    sums.endOffset = at + length;
    sums.firstArrivalMs = Math.min(sums.firstArrivalMs, arrivalMs);
    sums.lastArrivalMs = Math.max(sums.lastArrivalMs, arrivalMs);
  }

  #addToStream(head: BlockHead, rejected: number, length: number): void {
    const { received, rows } = head;
    const key = `${head.tenant}/${head.stream}`;
    const isKnown = this.#streams.has(key) || this.#streams.size < SUMMARY_STREAMS_MAX;
    const { tenant, stream } = isKnown ? head : { tenant: undefined, stream: undefined };
    const sums = entryOf(this.#streams, isKnown ? key : '', () => ({
      ...{ tenant, stream, received: 0, rejected: 0, ...zero() },
    }));
    add(sums, length, rows);
    sums.received += received;
    sums.rejected += rejected;
  }
}

export function kindName(kind: number, partition: number): KindName {
  if (partition === PARTITION_OF_NONE) return 'void';
  for (const [name, value] of KINDS) if (value === kind) return name;
  return 'unknown';
}

const KINDS = [
  ['events', BLOCK_KIND.events],
  ['control', BLOCK_KIND.control],
  ['heartbeat', BLOCK_KIND.heartbeat],
  ['deadLetters', BLOCK_KIND.deadLetters],
] as const;

function zero(): Sums {
  return { blocks: 0, bytes: 0, rows: 0 };
}

function add(sums: Sums, bytes: number, rows: number): void {
  sums.blocks += 1;
  sums.bytes += bytes;
  sums.rows += rows;
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
