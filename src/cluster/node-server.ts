/**
 * The answering end of the node channel, on the query listener: questions, rows, and how far this node's partitions are. Only who has
 * the cluster's key is heard, and only who means this node in this life: an address may have come to another one.
 */
import type { Exchange } from '../../graphql/http.ts';
import type { Mounted } from '../../graphql/server.ts';
import type { LogShared } from '../../storage/log/log-shared.ts';
import type { ByteSource } from '../model/byte-source.ts';
import { AppError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { isNodeKey, NODE_KEY_HEADER } from '../model/node-key.ts';
import { plainFault } from '../threads/asker.ts';
import type { Progress } from '../threads/progress.ts';
import {
  ASKED_BYTES_MAX,
  ASKED_TOGETHER_MAX,
  ASKS_MAX,
  RANGES_MAX,
  ROW_READS_MAX,
  STREAMS_MAX,
} from './limits.ts';
import { NodeAnswers, type NodeAnswersOptions } from './node-answers.ts';
import { type AskedQuestion, questionsIn, rangesIn } from './questions.ts';
import { SentRows } from './sent-rows.ts';
import { ToldProgressSource } from './told-progress.ts';
import {
  ASK_PATH,
  frame,
  NODE_HEADER,
  nodeAddress,
  PROGRESS_PATH,
  pack,
  ROWS_PATH,
  unpack,
} from './wire.ts';

export interface NodeServerOptions extends NodeAnswersOptions {
  /** The secret that the nodes have in common. */
  readonly key: string;
  readonly self: { readonly name: string; readonly life: number };
  readonly shared: LogShared;
  readonly progress: Progress;
  /** What keeps this node's partitions from being counted, in words. */
  readonly problems: () => readonly string[];
  readonly logger: Logger;
}

const BINARY = { 'content-type': 'application/octet-stream', 'cache-control': 'no-store' };

export class NodeServer {
  readonly routes: Mounted;
  readonly #options: NodeServerOptions;
  readonly #answers: NodeAnswers;
  readonly #streams = new Set<ByteSource>();

  constructor(options: NodeServerOptions) {
    this.#options = options;
    this.#answers = new NodeAnswers(options);
    this.routes = {
      [ASK_PATH]: this.#route('post', ASKS_MAX, (body) => {
        const questions = questionsIn(unpack(body));
        if (questions === undefined) return 'expected a list of questions';
        if (questions.length > ASKED_TOGETHER_MAX) {
          return `expected at most ${ASKED_TOGETHER_MAX} questions, received ${questions.length}`;
        }
        return new SentAnswers(questions, (question) => this.#answers.answer(question));
      }),
      [ROWS_PATH]: this.#route('post', ROW_READS_MAX, (body) => {
        const ranges = rangesIn(unpack(body))?.map(([from, to]) => ({ from, to }));
        if (ranges === undefined) return 'expected a list of ranges, each two keys';
        if (ranges.length > RANGES_MAX) {
          return `expected at most ${RANGES_MAX} ranges, received ${ranges.length}`;
        }
        return new SentRows(ranges, (range, rowsMax) => this.#answers.page(range, rowsMax));
      }),
      [PROGRESS_PATH]: this.#route('get', STREAMS_MAX, () => new ToldProgressSource(options)),
    };
  }

  /** Ends what is being sent: the others know at once that this node goes. */
  close(): void {
    for (const stream of this.#streams) stream.close();
  }

  /** `open` answers what is sent, or what is wrong with the body. */
  #route(
    method: 'get' | 'post',
    runningMax: number,
    open: (body: Uint8Array) => ByteSource | string,
  ): Mounted[string] {
    let running = 0;
    return async (exchange) => {
      if (!this.#isAdmitted(exchange, method)) return;
      if (running >= runningMax) {
        return refuse(exchange, 503, 'this node answers as many requests of other nodes as it may');
      }
      running++;
      try {
        const body = method === 'get' ? new Uint8Array() : await exchange.body(ASKED_BYTES_MAX);
        if (body === undefined) {
          return refuse(exchange, 413, `a body may have at most ${ASKED_BYTES_MAX} bytes`);
        }
        const source = opened(open, body);
        if (typeof source === 'string') return refuse(exchange, 400, source);
        await this.#send(exchange, source);
      } finally {
        running--;
      }
    };
  }

  /** Answered already if not. */
  #isAdmitted(exchange: Exchange, method: 'get' | 'post'): boolean {
    const { headers, method: used } = exchange.head;
    const { key, self } = this.#options;
    const sent = headers.get(NODE_KEY_HEADER);
    if (sent === null) {
      refuse(exchange, 401, `only nodes of the cluster ask this: "${NODE_KEY_HEADER}" is missing`);
      return false;
    }
    if (!isNodeKey(sent, key)) {
      const message = `the key is not that of node "${self.name}": cluster.secret, or what cluster.secretFile holds, must be the same on all nodes`;
      refuse(exchange, 403, message);
      return false;
    }
    if (used !== method) {
      refuse(exchange, 405, `use ${method.toUpperCase()}`);
      return false;
    }
    if (headers.get(NODE_HEADER) !== nodeAddress(self)) {
      const wanted = (headers.get(NODE_HEADER) ?? 'nobody').slice(0, 300);
      refuse(exchange, 409, `this is node "${nodeAddress(self)}", asked was "${wanted}"`);
      return false;
    }
    return true;
  }

  async #send(exchange: Exchange, source: ByteSource): Promise<void> {
    this.#streams.add(source);
    exchange.signal.addEventListener('abort', () => source.close());
    try {
      await exchange.stream(BINARY, source);
    } catch (error) {
      // Whoever asked sees a broken connection.
      this.#options.logger.error({ err: error }, 'an answer to another node was broken off');
    } finally {
      this.#streams.delete(source);
      source.close();
    }
  }
}

/** Frames of answers, in the order in which they come: a slow partition holds nobody else up. */
class SentAnswers implements ByteSource {
  #open: number;
  #ready: Buffer[] = [];
  #wake = () => {};
  #isClosed = false;

  constructor(
    questions: readonly AskedQuestion[],
    answer: (question: AskedQuestion) => Promise<unknown>,
  ) {
    this.#open = questions.length;
    for (const question of questions) {
      void framed(question, answer).then((bytes) => {
        this.#open--;
        if (!this.#isClosed) this.#ready.push(bytes);
        this.#wake();
      });
    }
  }

  async next(): Promise<Uint8Array | undefined> {
    if (this.#ready.length === 0 && this.#open > 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#isClosed || this.#ready.length === 0) return undefined;
    // Answers that come in one turn leave in one packet.
    await Promise.resolve();
    const bytes = Buffer.concat(this.#ready);
    this.#ready = [];
    return bytes;
  }

  close(): void {
    this.#isClosed = true;
    this.#ready = [];
    this.#wake();
  }
}

async function framed(
  question: AskedQuestion,
  answer: (question: AskedQuestion) => Promise<unknown>,
): Promise<Buffer> {
  try {
    return frame(pack([question.id, true, await answer(question)]));
  } catch (error) {
    const { code, message } = plainFault(error);
    return frame(pack([question.id, false, code, message]));
  }
}

/** What cannot even be read as a value is a bad body too. */
function opened(open: (body: Uint8Array) => ByteSource | string, body: Uint8Array) {
  try {
    return open(body);
  } catch (error) {
    if (error instanceof AppError) return 'the body is not MessagePack';
    throw error;
  }
}

const refuse = (exchange: Exchange, status: number, message: string): void =>
  exchange.reply(status, { 'content-type': 'text/plain; charset=utf-8' }, `${message}\n`);
