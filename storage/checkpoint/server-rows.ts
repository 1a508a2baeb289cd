/**
 * The rows that belong to the server as a whole, such as who was told of which alarm: the log cannot give them back. Each change of
 * them has a sequence, which the newest commit says in a row among them.
 */
import { AppError } from '../../src/model/errors.ts';
import { BOARD_ROW } from '../state/board-keys.ts';
import { KeyWriter, serverKey } from '../state/keys.ts';
import { decodeCount, encodeCount } from '../state/rows.ts';
import type { KeyRange, StateOp } from '../state/state.ts';

/** Behind the kinds of the alarm board and of erasures. */
const SEQUENCE_ROW = 66;

const writer = new KeyWriter();

export const sequenceKey = (): Uint8Array =>
  writer.restart().u16(0xffff).u8(0xff).u8(SEQUENCE_ROW).end();

/** Of the changes that are, or may be, in the archive: the newest. */
export const sequenceOp = (sequence: number): StateOp => ({
  key: sequenceKey(),
  value: encodeCount(sequence),
});

export function decodeSequence(row: Uint8Array): number {
  const sequence = decodeCount(row);
  if (Number.isSafeInteger(sequence) && sequence >= 0) return sequence;
  throw new AppError('state_corrupt', `a sequence of changes cannot be ${sequence}`);
}

/** With the row about the store. */
export const serverRows = (): KeyRange => ({
  from: serverKey(),
  to: new Uint8Array([0xff, 0xff, 0xff, 0xff]),
});

/**
 * How far a rule was evaluated: a server that evaluates it again comes to the same. Many change every few seconds; they go to the
 * archive with what cannot be found again.
 */
export const isProgress = (key: Uint8Array): boolean =>
  key[3] === BOARD_ROW.run || key[3] === BOARD_ROW.runGroup;

/** Not the row about the store, which says what this life is. */
export const isServerRow = (key: Uint8Array): boolean =>
  key.length > 3 && key[0] === 0xff && key[1] === 0xff && key[2] === 0xff;
