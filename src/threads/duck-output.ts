/** What a process with DuckDB writes, read at the pace of whoever takes it. */
import { ok as assert } from 'node:assert';
import { Readable } from 'node:stream';
import type { ExportAnswer, TakeBytes } from '../../actors/cold/questions.ts';
import { AppError } from '../model/errors.ts';

export class DuckOutput {
  readonly #stream: Readable;
  #received = 0;

  /** `stream` is the process's, as Node gives it. */
  constructor(stream: unknown) {
    assert(stream instanceof Readable, 'the process was started with a pipe for what it writes');
    this.#stream = stream;
    // A process that has ended says so elsewhere.
    stream.on('error', () => undefined);
  }

  /**
   * Hands over all that comes of `ask`, whose answer tells how much it is: that the stream ends does not say that it is whole.
   * Rejects with what `ask` or `take` rejects with.
   */
  handOver(take: TakeBytes, ask: () => Promise<ExportAnswer>): Promise<ExportAnswer> {
    const stream = this.#stream;
    const done = Promise.withResolvers<ExportAnswer>();
    let answer: ExportAnswer | undefined;
    let isTaking = false;
    const step = () => {
      if (isTaking) return;
      const piece: Buffer | null = stream.read();
      if (piece !== null) {
        this.#received += piece.length;
        isTaking = true;
        take(piece).then(() => {
          isTaking = false;
          step();
        }, done.reject);
      } else if (answer !== undefined && this.#received >= answer.bytes) done.resolve(answer);
      else if (stream.readableEnded) {
        done.reject(new AppError('archive_io', 'the process with DuckDB ended within an export'));
      }
    };
    stream.on('readable', step).on('end', step);
    ask().then((told) => {
      answer = told;
      step();
    }, done.reject);
    return done.promise.finally(() => stream.off('readable', step).off('end', step));
  }
}
