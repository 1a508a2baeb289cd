/** Rows of erasures (drawing: storage/FORMAT.md, "Erasure rows"). They lie behind the row about the store, as they are the server's. */
import type { Erasure } from '../../src/model/erasure.ts';
import { KeyWriter, prefixEnd } from './keys.ts';
import { parseJson } from './rows.ts';
import type { KeyRange } from './state.ts';

/** Behind the kinds of the alarm board. */
const ERASURE_ROW = 64;
const PUSHED_OUT_ROW = 65;

const writer = new KeyWriter();
const begin = (): KeyWriter => writer.restart().u16(0xffff).u8(0xff).u8(ERASURE_ROW);

/** Ids begin with the time, so that a tenant's erasures are in the order of their requests. */
export const erasureKey = (tenant: string, id: string): Uint8Array =>
  begin().text(tenant).text(id).end();

/** A row for `pushOut`. */
export const pushedOutKey = (): Uint8Array =>
  writer.restart().u16(0xffff).u8(0xff).u8(PUSHED_OUT_ROW).end();

export function erasureRange(tenant?: string): KeyRange {
  const from = tenant === undefined ? begin().end() : begin().text(tenant).end();
  return { from, to: prefixEnd(from) };
}

export const encodeErasure = (erasure: Erasure): Uint8Array => Buffer.from(JSON.stringify(erasure));

/** Throws `state_corrupt`. */
export const decodeErasure = (row: Uint8Array): Erasure => parseJson('an erasure', row) as Erasure;
