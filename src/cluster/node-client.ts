/**
 * The asking end of the node channel to one other node in one life. Questions of one turn go in one request; each has its own time
 * limit, and answers come in any order. A node that is known to be away is not asked: whoever wants something of it hears so at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import type { KeyRange, StateRow } from '../../storage/state/state.ts';
import { AppError, FAULT, type FaultCode } from '../model/errors.ts';
import { NODE_KEY_HEADER } from '../model/node-key.ts';
import { type Answer, Asker } from '../threads/asker.ts';
import type { AboutPartition, PartitionQuestions } from '../threads/protocol.ts';
import type { NodeAt } from './directory.ts';
import {
  ASKED_TOGETHER_MAX,
  CONNECTIONS_MAX,
  NODE_PATIENCE,
  type NodePatience,
  RANGES_MAX,
  RECONNECT_MS,
} from './limits.ts';
import { isRemoteName, type NodeQuestions, progressIn, type ToldProgress } from './questions.ts';
import { ROWS_FRAME } from './sent-rows.ts';
import {
  ASK_PATH,
  framesOf,
  NODE_HEADER,
  nodeAddress,
  PROGRESS_PATH,
  pack,
  ROWS_PATH,
  unpack,
  unpackRows,
} from './wire.ts';

export interface NodeClientOptions {
  readonly key: string;
  /** Certificates to trust in place of those that Node does. */
  readonly ca?: string | undefined;
  readonly patience?: NodePatience | undefined;
  /** Hears each thing that the node tells of itself. */
  readonly onProgress: (told: ToldProgress) => void;
  /** Hears when the node has come or gone: `problem` says why it is away. */
  readonly onChange: () => void;
}

/** Rows of one range of several, as many as came together. */
export interface RangeRows {
  readonly range: number;
  readonly rows: readonly StateRow[];
  /** No more of this range come. */
  readonly isLast: boolean;
}

interface AnyQuestion {
  /** The asker's. */
  readonly id: number;
  readonly name: string;
  readonly ask: unknown;
}

interface Asked extends AnyQuestion {
  readonly hear: (answer: Answer) => void;
}

export class NodeClient {
  readonly node: NodeAt;
  readonly #options: NodeClientOptions;
  readonly #silenceMs: number;
  readonly #pool: Pool;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #partitions: Asker<PartitionQuestions>;
  readonly #others: Asker<NodeQuestions>;
  /** Asked in this turn. */
  #batch: Asked[] = [];
  readonly #closing = new AbortController();
  /** Ends what is on its way when the node turns out to be away. */
  #reaching = new AbortController();
  #problem: string | undefined;
  #toldAtMs: number | undefined;

  constructor(node: NodeAt, options: NodeClientOptions) {
    this.node = node;
    this.#options = options;
    const { key, ca, patience = NODE_PATIENCE } = options;
    const { silenceMs, connectMs, answerMs } = patience;
    this.#silenceMs = silenceMs;
    this.#headers = { [NODE_KEY_HEADER]: key, [NODE_HEADER]: nodeAddress(node) };
    this.#pool = new Pool(node.url, {
      connections: CONNECTIONS_MAX,
      connect: { timeout: connectMs, ...(ca !== undefined && { ca }) },
      headersTimeout: answerMs + silenceMs,
      bodyTimeout: answerMs + silenceMs,
    });
    const whom = `node "${node.name}"`;
    this.#partitions = new Asker(whom, (question) =>
      this.#put(question, (answer) => this.#partitions.hear(answer)),
    );
    this.#others = new Asker(whom, (question) =>
      this.#put(question, (answer) => this.#others.hear(answer)),
    );
    void this.#follow();
  }

  /** Why the node is away; undefined: it is there, or it is not known yet. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** When it last told of itself, by `performance.now()`; undefined: it has not yet. */
  get toldAtMs(): number | undefined {
    return this.#toldAtMs;
  }

  /** Rejects with what the node rejects with, `query_timeout`, `mailbox_full`, or `node_away`. */
  async ask<Name extends keyof NodeQuestions>(
    name: Name,
    ask: NodeQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<NodeQuestions[Name]['answer']> {
    if (this.#problem !== undefined) throw this.#away(this.#problem);
    return this.#others.ask(name, ask, timeoutMs);
  }

  /** As `ask`, about a partition that the node has. */
  async askPartition<Name extends AboutPartition>(
    name: Name,
    ask: PartitionQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer']> {
    if (!isRemoteName(name)) throw new RangeError(`"${name}" is for partitions of this node`);
    if (this.#problem !== undefined) throw this.#away(this.#problem);
    return this.#partitions.ask(name, ask, timeoutMs);
  }

  /**
   * The rows of all ranges in their order, each of partitions that the node has. They come at the pace at which they are read. Rejects
   * with `partition_elsewhere` or `node_away`.
   */
  async *rows(ranges: readonly KeyRange[]): AsyncGenerator<RangeRows> {
    for (let first = 0; first < ranges.length; first += RANGES_MAX) {
      const some = ranges.slice(first, first + RANGES_MAX);
      for await (const rows of this.#someRows(some)) yield { ...rows, range: first + rows.range };
    }
  }

  close(): void {
    this.#closing.abort();
    this.#reaching.abort();
    const fault = this.#away('it has left the cluster, or was started again');
    this.#partitions.end(fault);
    this.#others.end(fault);
    void this.#pool.destroy();
  }

  async *#someRows(ranges: readonly KeyRange[]): AsyncGenerator<RangeRows> {
    if (this.#problem !== undefined) throw this.#away(this.#problem);
    const ending = new AbortController();
    const signal = AbortSignal.any([this.#reaching.signal, ending.signal]);
    let lasts = 0;
    try {
      const frames = this.#post(
        ROWS_PATH,
        ranges.map(({ from, to }) => [from, to]),
        signal,
      );
      for await (const bytes of inTime(frames, this.#silenceMs, ending)) {
        const range = bytes.readUInt32LE(0);
        const kind = bytes.readUInt8(4);
        const body = bytes.subarray(ROWS_FRAME.headBytes);
        if (kind === ROWS_FRAME.fault) throw faultOf(unpack(body));
        const isLast = kind === ROWS_FRAME.lastRows;
        if (isLast) lasts++;
        yield { range, rows: unpackRows(body), isLast };
      }
    } catch (error) {
      throw this.#explained(error);
    } finally {
      ending.abort();
    }
    if (lasts < ranges.length) throw this.#away('an answer was cut off');
  }

  #put({ id, name, ask }: AnyQuestion, hear: (answer: Answer) => void): void {
    this.#batch.push({ name, ask, id, hear });
    if (this.#batch.length > 1) return;
    // What else is asked in this turn goes with it: the questions about all partitions of a node mostly.
    setImmediate(() => {
      const batch = this.#batch;
      this.#batch = [];
      for (let first = 0; first < batch.length; first += ASKED_TOGETHER_MAX) {
        void this.#askTogether(batch.slice(first, first + ASKED_TOGETHER_MAX));
      }
    });
  }

  /** Never rejects: each question hears what became of it. */
  async #askTogether(questions: readonly Asked[]): Promise<void> {
    const open = new Map(questions.map((question, i) => [i, question]));
    let fault = this.#away('it did not answer all that was asked');
    try {
      const asked = questions.map(({ name, ask }, i) => ({ id: i, name, ask }));
      for await (const bytes of this.#post(ASK_PATH, asked, this.#reaching.signal)) {
        const answer = unpack(bytes);
        const [place, isOk, ...said]: unknown[] = Array.isArray(answer) ? answer : [];
        const question = typeof place === 'number' ? open.get(place) : undefined;
        if (question === undefined) break;
        open.delete(place as number);
        const { id, hear } = question;
        if (isOk === true) hear({ type: 'answer', id, ok: true, answer: said[0] });
        else hear(refused(id, faultOf(said)));
      }
    } catch (error) {
      fault = this.#explained(error);
    }
    for (const { id, hear } of open.values()) hear(refused(id, fault));
  }

  /** Rejects with what undici rejects with, or `node_away` if the node refuses. */
  async *#post(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<Buffer> {
    const headers = this.#headers;
    const answer = await this.#pool.request({
      path,
      method: 'POST',
      headers,
      body: pack(body),
      signal,
    });
    if (answer.statusCode !== 200) throw this.#away(await refusalOf(answer));
    yield* framesOf(answer.body);
  }

  /** Listens to what the node tells of itself until this is closed. */
  async #follow(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(), this.#silenceMs);
      let reason = `it has told nothing for ${this.#silenceMs / 1_000} s`;
      try {
        const signal = AbortSignal.any([silence.signal, this.#closing.signal]);
        for await (const told of this.#told(signal)) {
          timer.refresh();
          this.#toldAtMs = performance.now();
          this.#change(undefined);
          this.#options.onProgress(told);
        }
        reason = 'it has ended the connection';
      } catch (error) {
        if (!silence.signal.aborted) reason = wordsOf(error);
      } finally {
        clearTimeout(timer);
      }
      if (this.#closing.signal.aborted) return;
      this.#change(reason);
      await sleep(RECONNECT_MS, undefined, { ref: false });
    }
  }

  async *#told(signal: AbortSignal): AsyncGenerator<ToldProgress> {
    const headers = this.#headers;
    const answer = await this.#pool.request({
      path: PROGRESS_PATH,
      method: 'GET',
      headers,
      signal,
    });
    if (answer.statusCode !== 200) throw new Error(await refusalOf(answer));
    for await (const bytes of framesOf(answer.body)) {
      const told = progressIn(unpack(bytes));
      if (told === undefined) throw new Error('it tells what this release does not understand');
      yield told;
    }
  }

  #change(problem: string | undefined): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    if (problem !== undefined) {
      this.#reaching.abort();
      this.#reaching = new AbortController();
    }
    this.#options.onChange();
  }

  #away(reason: string): AppError {
    return new AppError('node_away', `node "${this.node.name}" does not answer: ${reason}`);
  }

  #explained(error: unknown): AppError {
    if (error instanceof AppError) return error;
    return this.#away(this.#problem ?? wordsOf(error));
  }
}

const refused = (id: number, { code, message }: AppError): Answer => ({
  type: 'answer',
  id,
  ok: false,
  code,
  message,
});

/** Each frame within the time after which a node is away; the time that whoever reads takes does not count. */
async function* inTime(
  frames: AsyncGenerator<Buffer>,
  patienceMs: number,
  ending: AbortController,
): AsyncGenerator<Buffer> {
  const patience = () => setTimeout(() => ending.abort(), patienceMs);
  let timer = patience();
  try {
    for await (const each of frames) {
      clearTimeout(timer);
      yield each;
      timer = patience();
    }
  } finally {
    clearTimeout(timer);
  }
}

interface Refused {
  readonly statusCode: number;
  readonly body: { text(): Promise<string> };
}

/** What a node refuses with is a line. */
async function refusalOf({ statusCode, body }: Refused): Promise<string> {
  return `it answers ${statusCode}: ${(await body.text()).slice(0, 500).trim()}`;
}

function faultOf(said: unknown): AppError {
  const [code, message] = Array.isArray(said) ? (said as unknown[]) : [];
  const isKnown = typeof code === 'string' && code in FAULT;
  // A bug over there is no fault of the partition's that somebody could wait for to pass, and none of this node either.
  return new AppError(isKnown ? (code as FaultCode) : 'node_away', String(message));
}

const wordsOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
