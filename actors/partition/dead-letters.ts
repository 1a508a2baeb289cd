/**
 * Refused lines become rows of the state: per tenant the newest ones up to a bound. Held here are only those that wait for
 * the next commit, and how many are stored.
 */
import type { Block } from '../../src/model/block.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { deadLetterKey, deadLetterRange } from '../../storage/state/keys.ts';
import { encodeDeadLetter, type StoredDeadLetter } from '../../storage/state/rows.ts';
import type { KeyRange, StateOp } from '../../storage/state/state.ts';

/** Delete this many rows from the start of a range, in the same commit. */
export interface Trim {
  readonly range: KeyRange;
  readonly count: number;
}

interface TenantLetters {
  /** In the store after the next commit, without what it trims. */
  stored: number;
  readonly waiting: StateOp[];
  changed: boolean;
}

export class DeadLetters {
  readonly #partition: number;
  readonly #max: number;
  readonly #tenants = new Map<string, TenantLetters>();
  #waitingBytes = 0;

  /** At most `max` are kept per tenant; `stored` says how many there are. */
  constructor(partition: number, max: number, stored: ReadonlyMap<string, number> = new Map()) {
    this.#partition = partition;
    this.#max = max;
    for (const [tenant, count] of stored) {
      this.#tenants.set(tenant, { stored: count, waiting: [], changed: false });
    }
  }

  /** Of letters that wait for the next commit. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Every row of a block of dead letters. */
  fold(block: Block, offset: number, nowMs: number): void {
    const code = texts(block, 'code');
    const message = texts(block, 'message');
    const raw = texts(block, 'raw');
    const line = numbers(block, 'line');
    const erased = block.erasedRows();
    for (let row = 0; row < block.rows; row++) {
      if (erased?.[row] === 1) continue;
      this.add(block.tenant, offset, row, {
        stream: block.stream,
        arrivalMs: nowMs,
        line: line(row),
        code: Buffer.from(code(row)).toString(),
        message: Buffer.from(message(row)).toString(),
        raw: raw(row),
      });
    }
  }

  add(tenant: string, offset: number, row: number, letter: StoredDeadLetter): void {
    const letters = this.#of(tenant);
    const key = deadLetterKey({ partition: this.#partition, tenant, offset, row });
    const value = encodeDeadLetter(letter);
    letters.waiting.push({ key, value });
    letters.changed = true;
    this.#waitingBytes += value.length;
    if (letters.waiting.length > this.#max) {
      this.#waitingBytes -= letters.waiting.shift()?.value?.length ?? 0;
    }
  }

  /** The rows to store, the oldest ones to delete for them, and each changed tenant's number of rows afterwards. */
  changes(): { puts: StateOp[]; trims: Trim[]; counts: Map<string, number> } {
    const puts: StateOp[] = [];
    const trims: Trim[] = [];
    const counts = new Map<string, number>();
    for (const [tenant, { stored, waiting, changed }] of this.#tenants) {
      if (!changed) continue;
      for (const op of waiting) puts.push(op);
      const excess = Math.min(stored, Math.max(0, stored + waiting.length - this.#max));
      if (excess > 0)
        trims.push({ range: deadLetterRange(this.#partition, tenant), count: excess });
      counts.set(tenant, stored + waiting.length - excess);
    }
    return { puts, trims, counts };
  }

  committed(): void {
    for (const [tenant, count] of this.changes().counts) {
      this.#tenants.set(tenant, { stored: count, waiting: [], changed: false });
    }
    this.#waitingBytes = 0;
  }

  #of(tenant: string): TenantLetters {
    let letters = this.#tenants.get(tenant);
    if (letters === undefined) {
      letters = { stored: 0, waiting: [], changed: false };
      this.#tenants.set(tenant, letters);
    }
    return letters;
  }
}

const NOTHING = new Uint8Array(0);

function texts(block: Block, name: string): (row: number) => Uint8Array {
  const column = block.field(name, COLUMN_KIND.string);
  if (column === undefined) return () => NOTHING;
  const codes = new Uint32Array(block.rows);
  block.readCodes(column, codes);
  const { offsets, bytes } = block.entries(column);
  return (row) => {
    const code = codes[row] as number;
    return code === 0 ? NOTHING : bytes.subarray(offsets[code - 1], offsets[code]);
  };
}

function numbers(block: Block, name: string): (row: number) => number {
  const column = block.field(name, COLUMN_KIND.number);
  if (column === undefined) return () => 0;
  const values = new Float64Array(block.rows);
  block.readNumbers(column, values);
  return (row) => (Number.isInteger(values[row]) ? (values[row] as number) : 0);
}
