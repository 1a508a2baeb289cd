/**
 * Operations sent to the leader of the cluster, as HTTP. It executes them for whoever asked: with that one's own authorisation, and
 * never sends them on.
 */
import { GraphQLError, type GraphQLFormattedError, Source } from 'graphql';
import { Agent, type Dispatcher } from 'undici';
import { AppError } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import { NODE_KEY_HEADER } from '../src/model/node-key.ts';
import type { LeaderPort } from '../src/query/leader-port.ts';
import type { LeaderWatch } from './leader-watch.ts';

export const FORWARDED_PATH = '/v1/node/graphql';

/** An operation as it was sent. */
export interface Operation {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
}

export interface ForwardedOperation extends Operation {
  /** The header of whoever asked. */
  readonly authorization: string | undefined;
}

/** What comes back, as the transports of this node send it. */
export interface OperationResult {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLError[];
}

/** Questions under way to the leader. It answers them in milliseconds, mostly; past this it is what does not. */
const QUESTIONS_MAX = 256;
/** Subscriptions: each is a connection to the leader, whose listener answers 2,000 requests at a time for all nodes. */
const STREAMS_MAX = 500;
/** Nodes are neighbours. A process that is gone refuses at once; this is for a machine that is. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Longer than whatever bounds its work at the leader: `archiveNow` waits ten minutes. A leader that loses the lead is not waited for. */
const ANSWER_TIMEOUT_MS = 660_000;
/** A stream says something every 12 s, be it only that it is there. */
const SILENCE_MS_MAX = 30_000;
/** The widest answer has some 20 MB, of numbers that any node could have answered. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

const decoder = new TextDecoder();

export class LeaderClient {
  readonly #leader: LeaderPort;
  readonly #watch: LeaderWatch;
  readonly #logger: Logger;
  readonly #agent: Agent;
  #questions = 0;
  #streams = 0;

  constructor(leader: LeaderPort, watch: LeaderWatch, logger: Logger) {
    this.#leader = leader;
    this.#watch = watch;
    this.#logger = logger;
    this.#agent = new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS },
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: SILENCE_MS_MAX,
    });
  }

  /** Rejects with `leader_away`, `query_timeout` or `query_overload`. What another node says that does not lead is its answer. */
  async ask(
    operation: ForwardedOperation,
    gone: AbortSignal | undefined,
  ): Promise<OperationResult> {
    if (this.#questions >= QUESTIONS_MAX) throw tooMany('questions', this.#questions);
    const url = this.#url();
    const watched = this.#watch.while(url);
    const signal = anyOf(watched.signal, gone);
    this.#questions++;
    try {
      const response = await this.#post(url, operation, 'application/json', signal);
      return await resultOf(response, operation.query);
    } catch (error) {
      throw this.#fault(error, url, watched.signal, gone);
    } finally {
      this.#questions--;
      watched.end();
    }
  }

  /**
   * What the subscription brings, from its beginning on; ends when the leader ends it. Fails as `ask` rejects, and with `not_leader`
   * when the node leads no more. To be read to its end, or aborted by `gone`.
   */
  async *follow(
    operation: ForwardedOperation,
    gone: AbortSignal,
  ): AsyncGenerator<OperationResult, void> {
    if (this.#streams >= STREAMS_MAX) throw tooMany('subscriptions', this.#streams);
    const url = this.#url();
    const watched = this.#watch.while(url);
    const signal = anyOf(watched.signal, gone);
    this.#streams++;
    try {
      const response = await this.#post(url, operation, 'text/event-stream', signal);
      if (!`${response.headers['content-type']}`.startsWith('text/event-stream')) {
        yield await resultOf(response, operation.query);
        return;
      }
      for await (const text of sseData(response.body)) {
        const result = resultIn(text, operation.query);
        const [refusal] = result.errors ?? [];
        if (refusal?.extensions['code'] === 'not_leader') {
          throw new AppError('not_leader', refusal.message);
        }
        yield result;
      }
    } catch (error) {
      throw this.#fault(error, url, watched.signal, gone);
    } finally {
      this.#streams--;
      watched.end();
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  #url(): string {
    const { leaderUrl } = this.#leader;
    if (leaderUrl !== undefined) return leaderUrl;
    throw new AppError(
      'leader_away',
      'no node leads the cluster just now, and its leader alone answers this: ask again in some seconds',
    );
  }

  #post(
    url: string,
    { query, operationName, variables, authorization }: ForwardedOperation,
    accept: string,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { origin, pathname } = new URL(url);
    return this.#agent.request({
      origin,
      path: `${pathname.replace(/\/$/, '')}${FORWARDED_PATH}`,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept,
        [NODE_KEY_HEADER]: this.#leader.key,
        ...(authorization !== undefined && { authorization }),
      },
      body: JSON.stringify({ query, operationName, variables }),
      signal,
    });
  }

  #fault(error: unknown, url: string, lost: AbortSignal, gone: AbortSignal | undefined): AppError {
    if (error instanceof AppError) return error;
    const code = codeOf(error);
    if (code === 'UND_ERR_HEADERS_TIMEOUT') {
      return new AppError(
        'query_timeout',
        `the leader of the cluster did not answer in time. ${UNKNOWN}`,
      );
    }
    const what = lost.aborted ? 'does not lead it any more' : 'cannot be reached';
    // Whoever asked may have gone, which is no news of the leader.
    if (gone?.aborted !== true) {
      this.#logger.warn({ err: error, url }, `the leader of the cluster ${what}`);
    }
    const outcome = NOT_SENT.has(code) ? 'Nothing was changed' : UNKNOWN;
    return new AppError(
      'leader_away',
      `the leader of the cluster, the node at ${url}, ${what}. ${outcome}: ask again in some seconds`,
    );
  }
}

const UNKNOWN = 'What it was asked to change may be done, or not';

const anyOf = (lost: AbortSignal, gone: AbortSignal | undefined): AbortSignal =>
  gone === undefined ? lost : AbortSignal.any([lost, gone]);

/** Errors of a connection that never was. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

const tooMany = (what: string, open: number): AppError =>
  new AppError(
    'query_overload',
    `${open} ${what} wait for the leader of the cluster, as many as may: try again later`,
  );

async function resultOf(
  { body, statusCode }: Dispatcher.ResponseData,
  query: string,
): Promise<OperationResult> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw tooLong();
    chunks.push(chunk);
  }
  const result = resultIn(decoder.decode(Buffer.concat(chunks)), query, statusCode);
  return statusCode === 200 ? result : withStatus(result, statusCode);
}

/** The status of a refused answer goes on with it. */
function withStatus({ errors = [], ...rest }: OperationResult, status: number): OperationResult {
  const [first, ...others] = errors;
  if (first === undefined) return rest;
  const extensions = { ...first.extensions, http: { status } };
  const { message, path, source, positions } = first;
  return {
    ...rest,
    errors: [new GraphQLError(message, { path, source, positions, extensions }), ...others],
  };
}

function resultIn(text: string, query: string, status = 200): OperationResult {
  const result = parsed(text);
  if (result === undefined) {
    const message = `the leader of the cluster answered ${status}, and not to the question`;
    throw new AppError(status === 503 ? 'query_overload' : 'leader_away', message);
  }
  const { data, errors } = result;
  const source = new Source(query);
  return {
    ...(data !== undefined && { data }),
    ...(errors !== undefined && { errors: errors.map((error) => errorOf(error, source)) }),
  };
}

interface PlainResult {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLFormattedError[];
}

function parsed(text: string): PlainResult | undefined {
  try {
    const result: unknown = JSON.parse(text);
    return typeof result === 'object' && result !== null ? result : undefined;
  } catch {
    return undefined;
  }
}

/** The leader has masked what is to be masked. */
function errorOf(
  { message, path, locations, extensions }: GraphQLFormattedError,
  source: Source,
): GraphQLError {
  const positions = locations?.map((location) => positionOf(source.body, location));
  return new GraphQLError(message, { path, source, positions, extensions });
}

/** Lines and columns count from 1. */
function positionOf(
  text: string,
  { line, column }: { readonly line: number; readonly column: number },
): number {
  let start = 0;
  for (const { index, 0: lineBreak } of text.matchAll(/\r\n|[\n\r]/g)) {
    if (--line === 0) break;
    start = index + lineBreak.length;
  }
  return start + column - 1;
}

/** What events named `next` carry. Fails if the stream breaks off before `complete`. */
async function* sseData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const text = new TextDecoder();
  let waiting = '';
  for await (const chunk of body) {
    waiting += text.decode(chunk, { stream: true });
    const events = waiting.split('\n\n');
    waiting = events.pop() ?? '';
    if (waiting.length > ANSWER_BYTES_MAX) throw tooLong();
    for (const event of events) {
      if (/^event: complete$/m.test(event)) return;
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data !== undefined) yield data;
    }
  }
  throw new AppError('leader_away', 'the leader of the cluster has broken off what it was telling');
}

const tooLong = (): AppError =>
  new AppError('query_overload', `an answer may have ${ANSWER_BYTES_MAX} bytes: ask for less`);
