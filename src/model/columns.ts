/**
 * Columns of one tenant's stream in the making: what decoders fill and `packBlock` reads. Row `i` of every column
 * belongs to event `i`; arrays may be longer than `rows` (they are reused).
 *
 * Nothing is ever boxed per event: strings are codes into a dictionary of byte ranges, an absent value is
 * a reserved code (string 0, boolean 0) or NaN (number: no accepted number is NaN).
 */

/** What a column means to the server. Everything an application calls by its own name is a `field`. */
export const ROLE = { field: 0, ts: 1, id: 2, type: 3 } as const;
export type Role = (typeof ROLE)[keyof typeof ROLE];

export const COLUMN_KIND = { string: 1, number: 2, boolean: 3 } as const;
export type ColumnKind = (typeof COLUMN_KIND)[keyof typeof COLUMN_KIND];

/** Byte strings: entry `i` is `bytes[offsets[i], offsets[i + 1])`, valid UTF-8. */
export interface Entries {
  readonly count: number;
  readonly offsets: Uint32Array;
  readonly bytes: Uint8Array;
  /** True if no two rows share an entry, so that nobody needs to look for those that are used twice. */
  readonly plain?: boolean;
}

export interface StringColumn {
  readonly kind: typeof COLUMN_KIND.string;
  readonly role: Role;
  readonly name: string;
  /** 0 = absent, else 1 + index of the entry. Several entries may hold equal bytes. */
  readonly codes: Uint32Array;
  readonly entries: Entries;
}

export interface NumberColumn {
  readonly kind: typeof COLUMN_KIND.number;
  readonly role: Role;
  readonly name: string;
  /** NaN = absent. */
  readonly values: Float64Array;
}

export interface BooleanColumn {
  readonly kind: typeof COLUMN_KIND.boolean;
  readonly role: Role;
  readonly name: string;
  /** 0 = absent, 1 = false, 2 = true. */
  readonly values: Uint8Array;
}

export type Column = StringColumn | NumberColumn | BooleanColumn;
export const BOOLEAN = { absent: 0, false: 1, true: 2 } as const;
