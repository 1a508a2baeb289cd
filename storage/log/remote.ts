/**
 * A log writer in another thread than the journal: requests and answers over a `MessagePort`. A block moves with its
 * memory where it has that for itself, else it is copied once.
 */
import { ok as assert } from 'node:assert';
import type { MessagePort } from 'node:worker_threads';
import type { Appended } from '../../src/model/appended.ts';
import { AppError, FAULT, type FaultCode, type FaultLocation } from '../../src/model/errors.ts';
import { assertNever } from '../../src/model/result.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { JOURNAL_PENDING_BYTES_MAX } from '../limits.ts';
import type { LogRefusal, LogWriter, RewritableLog } from './log.ts';
import { type LogShared, sharedRefusal } from './log-shared.ts';

type Request =
  | { readonly type: 'append'; readonly id: number; readonly blocks: readonly Uint8Array[] }
  | { readonly type: 'deleteBefore'; readonly id: number; readonly offset: number }
  | { readonly type: 'endFile'; readonly id: number }
  | { readonly type: 'replaceFile'; readonly id: number; readonly base: number };

type Answer =
  | { readonly type: 'done'; readonly id: number; readonly outcome: readonly number[] | 'spooled' }
  | { readonly type: 'failed'; readonly id: number; readonly fault: Fault };

/** What of an `AppError` survives a thread boundary, where errors lose their class. */
interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  readonly location: FaultLocation;
}

/** Serves the writer to whoever holds the other end of `port`, until that is closed. */
export function serveLogWriter(writer: LogWriter, port: MessagePort): void {
  const handle = async (request: Request): Promise<Answer> => {
    try {
      return { type: 'done', id: request.id, outcome: await outcomeOf(writer, request) };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const { code, message, location } = error;
      return { type: 'failed', id: request.id, fault: { code, message, location } };
    }
  };
  port.on('message', (request: Request) => {
    void handle(request).then((answer) => port.postMessage(answer));
  });
}

/** What the request comes to; a file's base if it was replaced. */
async function outcomeOf(writer: LogWriter, request: Request): Promise<Appended> {
  switch (request.type) {
    case 'append':
      return writer.append(request.blocks);
    case 'deleteBefore':
      return [await writer.deleteBefore(offset(request.offset))];
    case 'endFile':
      await rewritable(writer).endFile();
      return [];
    case 'replaceFile':
      return (await rewritable(writer).replaceFile(offset(request.base)))
        ? [offset(request.base)]
        : [];
    default:
      return assertNever(request);
  }
}

/** Nobody asks a topic for it. */
function rewritable(writer: LogWriter): RewritableLog {
  assert(isRewritable(writer), 'only a log in files can be written anew');
  return writer;
}

const isRewritable = (writer: LogWriter): writer is RewritableLog => 'replaceFile' in writer;

export interface RemoteWriterOptions {
  readonly port: MessagePort;
  readonly shared: LogShared;
  /** This writer's own bound, beside that of the journal. */
  readonly pendingBytesMax?: number;
}

export function connectLogWriter(options: RemoteWriterOptions): RewritableLog {
  return new RemoteLogWriter(options);
}

interface Waiting {
  readonly bytes: number;
  readonly resolve: (outcome: Appended) => void;
  readonly reject: (reason: AppError) => void;
}

class RemoteLogWriter implements RewritableLog {
  readonly #port: MessagePort;
  readonly #shared: LogShared;
  readonly #pendingBytesMax: number;
  /** Bounded by `#pendingBytesMax`, since each append waits with its bytes. */
  readonly #waiting = new Map<number, Waiting>();
  #pendingBytes = 0;
  #nextId = 0;
  #closed = false;
  #drained: (() => void) | undefined;

  constructor({ port, shared, pendingBytesMax = JOURNAL_PENDING_BYTES_MAX }: RemoteWriterOptions) {
    this.#port = port;
    this.#shared = shared;
    this.#pendingBytesMax = pendingBytesMax;
    port.on('message', (answer: Answer) => this.#settle(answer));
    port.on('close', () => this.#disconnected());
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get refusal(): LogRefusal | undefined {
    if (this.#closed) return 'log_closed';
    if (this.#pendingBytes >= this.#pendingBytesMax) return 'log_backpressure';
    return sharedRefusal(this.#shared);
  }

  append(blocks: readonly Uint8Array[]): Promise<Appended> {
    const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
    const tooMany = this.#pendingBytes > 0 && this.#pendingBytes + bytes > this.#pendingBytesMax;
    const refusal = this.refusal ?? (tooMany ? 'log_backpressure' : undefined);
    if (refusal !== undefined) return Promise.reject(new AppError(refusal, FAULT[refusal].meaning));
    const own = blocks.map(ownMemory);
    const memory = own.map((block) => block.buffer as ArrayBuffer);
    return this.#ask({ type: 'append', id: this.#nextId, blocks: own }, bytes, memory);
  }

  async deleteBefore(before: Offset): Promise<Offset> {
    const [start] = await this.#askOpen({ type: 'deleteBefore', id: this.#nextId, offset: before });
    return start as Offset;
  }

  async endFile(): Promise<void> {
    await this.#askOpen({ type: 'endFile', id: this.#nextId });
  }

  async replaceFile(base: Offset): Promise<boolean> {
    const replaced = await this.#askOpen({ type: 'replaceFile', id: this.#nextId, base });
    return replaced.length > 0;
  }

  /** Waits for the answers that are due, then closes the port. The journal itself stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#waiting.size > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#port.close();
  }

  async #askOpen(request: Request): Promise<readonly Offset[]> {
    if (this.#closed) throw new AppError('log_closed', FAULT.log_closed.meaning);
    const offsets = await this.#ask(request, 0, []);
    assert(offsets !== 'spooled', 'only appends are spooled');
    return offsets;
  }

  #ask(request: Request, bytes: number, memory: ArrayBuffer[]): Promise<Appended> {
    this.#nextId += 1;
    this.#pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { bytes, resolve, reject });
      this.#port.postMessage(request, memory);
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    this.#pendingBytes -= waiting.bytes;
    if (answer.type === 'done') {
      const { outcome } = answer;
      waiting.resolve(outcome === 'spooled' ? outcome : outcome.map(offset));
    } else {
      const { code, message, location } = answer.fault;
      waiting.reject(new AppError(code, message, location));
    }
    if (this.#waiting.size === 0) this.#drained?.();
  }

  /** The journal's thread is gone: what it had not answered may or may not be durable. */
  #disconnected(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) {
      waiting.reject(
        new AppError('log_io', 'the thread that writes the log ended before it answered'),
      );
    }
    this.#waiting.clear();
    this.#pendingBytes = 0;
    this.#drained?.();
  }
}

/** The block in memory that holds nothing else, so that transferring it takes nothing away from anyone. */
function ownMemory(block: Uint8Array): Uint8Array {
  const whole = block.byteLength === block.buffer.byteLength && block.buffer instanceof ArrayBuffer;
  return whole ? block : block.slice();
}
