/** Rows about the fields of streams (drawing: storage/FORMAT.md, "Fields"): JSON. */
import { parseJson } from './rows.ts';

/** Times are of arrival. */
export interface FieldRow {
  /** Of the events that were looked at: those in which it is a text, a number, a boolean. */
  readonly texts: number;
  readonly numbers: number;
  readonly booleans: number;
  /** Events of the stream that were looked at before it was first seen. */
  readonly lookedBefore: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** The payload of a distinct sketch as base64. */
  readonly sketch: string;
}

/** Of a stream. */
export interface StreamRow {
  /** Events that were looked at. */
  readonly looked: number;
  /** Some fields were past the bound, or have names that no key can hold: of them nothing is known. */
  readonly hasOthers: boolean;
}

export const encodeFieldRow = (row: FieldRow | StreamRow | readonly string[]): Uint8Array =>
  Buffer.from(JSON.stringify(row));

/** They throw `state_corrupt`. */
export const decodeFieldRow = (row: Uint8Array): FieldRow => parseJson('a field', row) as FieldRow;
export const decodeStreamRow = (row: Uint8Array): StreamRow =>
  parseJson('the fields of a stream', row) as StreamRow;
export const decodeFieldSamples = (row: Uint8Array): readonly string[] =>
  parseJson('values of a field', row) as readonly string[];
