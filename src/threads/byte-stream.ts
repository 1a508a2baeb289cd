/** Bytes from one thread to another, no faster than they are taken there. */
import type { TakeBytes } from '../../actors/cold/questions.ts';
import type { ByteSource } from '../model/byte-source.ts';

/** Pieces of some 64 KiB that are under way or wait to be taken: enough for two threads that take turns. */
const PIECES_MAX = 4;

export interface BytesMessage {
  readonly type: 'bytes';
  readonly stream: number;
  readonly bytes: Uint8Array;
}

/** What a reader tells: that it took a piece, or that it wants no more. */
export interface ReaderMessage {
  readonly type: 'taken' | 'unwanted';
  readonly stream: number;
}

/** The end that writes. */
export class ByteWriters {
  readonly #post: (message: BytesMessage) => void;
  readonly #open = new Map<number, ByteWriter>();

  constructor(post: (message: BytesMessage) => void) {
    this.#post = post;
  }

  hear({ type, stream }: ReaderMessage): void {
    const writer = this.#open.get(stream);
    if (type === 'taken') writer?.taken();
    else writer?.abort.abort();
  }

  /** `work` writes by `take`, until it is done or `unwanted` is aborted. */
  async use<T>(
    stream: number,
    work: (take: TakeBytes, unwanted: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const writer = new ByteWriter((bytes) => this.#post({ type: 'bytes', stream, bytes }));
    this.#open.set(stream, writer);
    try {
      return await work((bytes) => writer.write(bytes), writer.abort.signal);
    } finally {
      this.#open.delete(stream);
    }
  }
}

class ByteWriter {
  readonly abort = new AbortController();
  readonly #post: (bytes: Uint8Array) => void;
  #credit = PIECES_MAX;
  #room = Promise.withResolvers<void>();

  constructor(post: (bytes: Uint8Array) => void) {
    this.#post = post;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#credit -= 1;
    this.#post(bytes);
    if (this.#credit > 0) return;
    this.#room = Promise.withResolvers();
    await this.#room.promise;
  }

  taken(): void {
    this.#credit += 1;
    this.#room.resolve();
  }
}

/** The end that reads. */
export class ByteReader implements ByteSource {
  readonly #tell: (type: ReaderMessage['type']) => void;
  readonly #pieces: Uint8Array[] = [];
  #end: { readonly fault: unknown } | 'whole' | undefined;
  #moved = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(tell: (type: ReaderMessage['type']) => void) {
    this.#tell = tell;
  }

  /** Nobody wants more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  hear(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#pieces.push(bytes);
    this.#moved.resolve();
  }

  finish(): void {
    this.#end ??= 'whole';
    this.#moved.resolve();
  }

  fail(fault: unknown): void {
    this.#end ??= { fault };
    this.#moved.resolve();
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#tell('taken');
        return piece;
      }
      if (this.#end === 'whole') return undefined;
      if (this.#end !== undefined) throw this.#end.fault;
      this.#moved = Promise.withResolvers();
      await this.#moved.promise;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#pieces.length = 0;
    if (this.#end === undefined) this.#tell('unwanted');
    this.finish();
  }
}
