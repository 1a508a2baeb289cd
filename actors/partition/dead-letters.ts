/**
 * Refused lines become rows of the state: per tenant the newest ones up to a bound. Held here are only those that wait for
 * the next commit, and how many are stored.
 */
import type { Block } from '../../src/model/block.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import type { DropLettersControl } from '../../src/model/dead-letter.ts';
import { deadLetterCountKey, deadLetterKey, deadLetterRange } from '../../storage/state/keys.ts';
import { encodeDeadLetter, type StoredDeadLetter } from '../../storage/state/rows.ts';
import type { KeyRange, StateOp } from '../../storage/state/state.ts';

/**
 * What a commit changes of one tenant's letters. How many of `drops` are still there is known only when it is written: others were
 * trimmed before, or dropped twice.
 */
export interface LetterChanges {
  readonly tenant: string;
  /** All letters of the tenant, the oldest first. */
  readonly range: KeyRange;
  /** Of the row that says how many there are. */
  readonly countKey: Uint8Array;
  /** How many there are before it. */
  readonly stored: number;
  readonly puts: readonly StateOp[];
  readonly drops: readonly Uint8Array[];
  /** As many are kept; the oldest ones go for it. */
  readonly max: number;
}

interface TenantLetters {
  /** In the store. */
  stored: number;
  /** By their places, in the order of the log. */
  readonly waiting: Map<string, StateOp>;
  readonly drops: Map<string, Uint8Array>;
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
    for (const [tenant, count] of stored) this.#tenants.set(tenant, lettersOf(count));
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
    const { waiting } = this.#of(tenant);
    const key = deadLetterKey({ partition: this.#partition, tenant, offset, row });
    const value = encodeDeadLetter(letter);
    waiting.set(placeOf(offset, row), { key, value });
    this.#waitingBytes += value.length;
    if (waiting.size > this.#max) this.#forget(waiting, waiting.keys().next().value);
  }

  /** Whether or not they are there. */
  drop({ tenant, letters }: DropLettersControl): void {
    const { waiting, drops } = this.#of(tenant);
    for (const [offset, row] of letters) {
      const place = placeOf(offset, row);
      if (this.#forget(waiting, place)) continue;
      drops.set(place, deadLetterKey({ partition: this.#partition, tenant, offset, row }));
    }
  }

  changes(): LetterChanges[] {
    const all: LetterChanges[] = [];
    for (const [tenant, { stored, waiting, drops }] of this.#tenants) {
      if (waiting.size + drops.size === 0) continue;
      all.push({
        tenant,
        range: deadLetterRange(this.#partition, tenant),
        countKey: deadLetterCountKey(this.#partition, tenant),
        stored,
        puts: [...waiting.values()],
        drops: [...drops.values()],
        max: this.#max,
      });
    }
    return all;
  }

  /** `stored`: how many there are now of each tenant whose letters have changed. */
  committed(stored: ReadonlyMap<string, number>): void {
    for (const [tenant, count] of stored) this.#tenants.set(tenant, lettersOf(count));
    this.#waitingBytes = 0;
  }

  /** True if it was waiting. */
  #forget(waiting: Map<string, StateOp>, place: string | undefined): boolean {
    const op = place === undefined ? undefined : waiting.get(place);
    if (place === undefined || op === undefined) return false;
    this.#waitingBytes -= op.value?.length ?? 0;
    return waiting.delete(place);
  }

  #of(tenant: string): TenantLetters {
    let letters = this.#tenants.get(tenant);
    if (letters === undefined) {
      letters = lettersOf(0);
      this.#tenants.set(tenant, letters);
    }
    return letters;
  }
}

const lettersOf = (stored: number): TenantLetters => ({
  stored,
  waiting: new Map(),
  drops: new Map(),
});

const placeOf = (offset: number, row: number): string => `${offset}.${row}`;

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
