/**
 * The state store as an ordered map that can do what disks do: crash between any two writes, and lose the newest ones, but
 * never one before a barrier.
 */
import { RowWrites } from '../../storage/state/row-writes.ts';
import type { KeyRange, ListingStore, StateOp, StateRow } from '../../storage/state/state.ts';

/** The process ended at this write. */
export class Crash extends Error {}

type Write = { readonly ops: readonly StateOp[] } | { readonly range: KeyRange };

export class MemoryStore implements ListingStore {
  readonly rowWrites = new RowWrites();
  /** Sorted by key. */
  #rows: StateRow[] = [];
  #synced: StateRow[] = [];
  /** Since the barrier. */
  #writes: Write[] = [];
  #writesLeft = Number.POSITIVE_INFINITY;

  /** The write after the next `writes` ones crashes instead of happening. */
  crashAfter(writes: number): void {
    this.#writesLeft = writes;
  }

  get unsynced(): number {
    return this.#writes.length;
  }

  barrier(): void {
    this.#synced = [...this.#rows];
    this.#writes = [];
  }

  /** A power cut: the newest `lost` writes are gone. */
  lose(lost: number): void {
    const kept = this.#writes.slice(0, this.#writes.length - lost);
    this.#rows = [...this.#synced];
    this.#writes = [];
    for (const write of kept) this.#write(write);
  }

  /** Hexadecimal key and value of every row. */
  dump(): Map<string, string> {
    return new Map(this.#rows.map(({ key, value }) => [hex(key), hex(value)]));
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => {
      const row = this.#rows[this.#at(key)];
      return row !== undefined && compare(row.key, key) === 0 ? row.value.slice() : undefined;
    });
  }

  async page({ from, to }: KeyRange, rowsMax: number): Promise<readonly StateRow[]> {
    const rows = this.#rows.slice(this.#at(from), this.#at(to)).slice(0, rowsMax);
    return rows.map(({ key, value }) => ({ key: key.slice(), value: value.slice() }));
  }

  async pageDown({ from, to }: KeyRange, rowsMax: number): Promise<readonly StateRow[]> {
    const rows = this.#rows.slice(this.#at(from), this.#at(to)).slice(-rowsMax).reverse();
    return rows.map(({ key, value }) => ({ key: key.slice(), value: value.slice() }));
  }

  async commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    this.#maybeCrash();
    const copied = ops.map(({ key, value }) => ({ key: key.slice(), value: value?.slice() }));
    this.#write({ ops: copied });
    this.rowWrites.wrote(ops);
    if (durability === 'synced') this.barrier();
  }

  async clear(range: KeyRange): Promise<void> {
    this.#maybeCrash();
    this.#write({ range });
    this.rowWrites.cleared(range);
  }

  #write(write: Write): void {
    this.#writes.push(write);
    if ('range' in write) {
      const { from, to } = write.range;
      const at = this.#at(from);
      this.#rows.splice(at, Math.max(0, this.#at(to) - at));
      return;
    }
    for (const { key, value } of write.ops) {
      const at = this.#at(key);
      const known = this.#rows[at];
      const exists = known !== undefined && compare(known.key, key) === 0;
      this.#rows.splice(at, exists ? 1 : 0, ...(value === undefined ? [] : [{ key, value }]));
    }
  }

  #maybeCrash(): void {
    if (this.#writesLeft === 0) {
      this.#writesLeft = Number.POSITIVE_INFINITY;
      throw new Crash('the process ended before a write');
    }
    this.#writesLeft -= 1;
  }

  /** Index of the first row at or behind the key. */
  #at(key: Uint8Array): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare((this.#rows[middle] as StateRow).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const compare = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
