/**
 * Takes what was sent out of stored dead letters that hold the value. The letters stay, with their code: that something was refused
 * then is counted, and whoever counts them need not be told.
 */
import { type Erasure, offsetIn } from '../../src/model/erasure.ts';
import { AppError } from '../../src/model/errors.ts';
import { holdsValue } from '../../src/model/value-in-text.ts';
import { encodeErasure, erasureKey } from '../../storage/state/erasure-rows.ts';
import { deadLetterRange, parseDeadLetterKey } from '../../storage/state/keys.ts';
import { decodeDeadLetter, encodeDeadLetter } from '../../storage/state/rows.ts';
import { type StateOp, type StateStore, scan } from '../../storage/state/state.ts';
import { LETTERS_PER_COMMIT } from './limits.ts';
import { isInStream } from './target.ts';

export interface LetterEraserTools {
  readonly state: StateStore;
  readonly partitions: number;
  /** The server is stopping. */
  readonly signal: AbortSignal;
}

const ERASED_MESSAGE = 'what was sent has been erased on request';

/** Answers how far it came: all dead letters are done. May be called again after it has rejected, as `eraseFromLog`. */
export async function eraseFromLetters(
  { state, partitions, signal }: LetterEraserTools,
  erasure: Erasure,
  value: string,
): Promise<Erasure> {
  let done = erasure;
  let ops: StateOp[] = [];
  const flush = async () => {
    if (ops.length === 0) return;
    done = { ...done, deadLetters: done.deadLetters + ops.length };
    const row = { key: erasureKey(done.tenant, done.id), value: encodeErasure(done) };
    await state.commit([...ops, row]);
    ops = [];
  };
  for (let partition = 0; partition < partitions; partition++) {
    const before = offsetIn(erasure.before, partition);
    for await (const row of scan(state, deadLetterRange(partition, erasure.tenant))) {
      if (signal.aborted) throw new AppError('actor_stopped', 'the server is stopping');
      if (parseDeadLetterKey(row.key).offset >= before) break;
      const letter = decodeDeadLetter(row.value);
      if (!isInStream(erasure, letter.stream)) continue;
      if (!holdsValue(letter.raw, value) && !holdsValue(Buffer.from(letter.message), value)) {
        continue;
      }
      const erased = { ...letter, message: ERASED_MESSAGE, raw: new Uint8Array(0) };
      ops.push({ key: row.key, value: encodeDeadLetter(erased) });
      if (ops.length >= LETTERS_PER_COMMIT) await flush();
    }
  }
  await flush();
  return done;
}
