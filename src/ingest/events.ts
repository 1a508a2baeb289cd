/** `POST /v1/events`: a request's way from admission to its answer. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { VisitFields } from '../model/visit.ts';
import { type Admitted, admitEvents, announcedLength } from './admission.ts';
import type { Destination } from './coalescer.ts';
import { Contribution } from './contribution.ts';
import { DEFAULT_DECODE_LIMITS } from './decode/limits.ts';
import type { EdgeContext } from './edge-context.ts';
import { Exchange } from './exchange.ts';
import { HEADER } from './header-bytes.ts';
import type { Compression } from './inflate.ts';
import { DOCUMENT_BYTES_MAX, SKIPPED_BODY_BYTES_MAX } from './limits.ts';
import { BodyOutcome } from './pieces.ts';
import { type BodyTaker, NO_MEMORY, type ReceivedBody, receiveBody } from './receive-body.ts';
import { type Refusal, refusalOfFault } from './refusal.ts';
import { visitOf } from './visits.ts';

export function handleEvents(edge: EdgeContext, res: HttpResponse, req: HttpRequest): void {
  const origin = req.getHeader(HEADER.origin);
  const exchange = new Exchange(res, edge.counters, edge.rules.origins.answerTo(origin));
  const admitted = admitEvents(edge.rules, req, origin);
  if (!admitted.ok) {
    edge.refusalLog.note(admitted.error, res, req);
    if (admitted.error.code === 'invalid_length') {
      // Behind an answer the library would go on with what follows as a request; while one is due it parts with who sends another.
      setImmediate(() => exchange.refuse(admitted.error, [], true));
      return;
    }
    // The library skips what still comes of the body; past some size it is cheaper to part.
    const isLong = (announcedLength(req) ?? 0) > SKIPPED_BODY_BYTES_MAX;
    exchange.refuse(admitted.error, [], isLong);
    return;
  }
  const { tenant, stream } = admitted.value.destination;
  const { pages } = edge;
  // Browsers say from which page a request is; programs do not, and are nobody's visit.
  const isOfPage = pages !== undefined && origin !== '' && stream === pages.stream;
  const visit = isOfPage
    ? pages.answers.fieldsOf(visitOf(tenant, pages.proxies, res, req))
    : undefined;
  receiveBody(exchange, edge.bodyRules, new EventsRequest(edge, exchange, admitted.value, visit));
}

/** An admitted request. */
class EventsRequest implements BodyTaker {
  readonly #edge: EdgeContext;
  readonly #exchange: Exchange;
  readonly #admitted: Admitted;
  readonly #visit: Promise<VisitFields | undefined> | undefined;
  #destination: Destination;
  readonly #contribution: Contribution;
  readonly #outcome = new BodyOutcome();

  /** `visit`: of the page that sends it, asked for; undefined if it is of no page. */
  constructor(
    edge: EdgeContext,
    exchange: Exchange,
    admitted: Admitted,
    visit: Promise<VisitFields | undefined> | undefined,
  ) {
    this.#edge = edge;
    this.#exchange = exchange;
    this.#admitted = admitted;
    this.#visit = visit;
    this.#destination = admitted.destination;
    this.#contribution = new Contribution(admitted.ack === 'applied', () => this.#settled());
  }

  /** What cannot be decoded before the socket's own buffer is gone. */
  mustOwn(length: number): boolean {
    if (this.#visit !== undefined) return true;
    return this.#admitted.encoding !== 'identity' || length > DEFAULT_DECODE_LIMITS.pieceBytesMax;
  }

  take(body: ReceivedBody): void {
    this.#edge.counters.bodyBytes += body.bytes.length;
    if (this.#visit === undefined) this.#unpack(body);
    else void this.#takeOfPage(body, this.#visit);
  }

  /** Also of who has gone meanwhile: a page that is left does not wait for the answer. */
  async #takeOfPage(body: ReceivedBody, asked: Promise<VisitFields | undefined>): Promise<void> {
    const visit = await asked;
    if (visit === undefined) this.#edge.counters.visitsUnknown += 1;
    else this.#destination = { ...this.#destination, visit };
    this.#unpack(body);
  }

  #unpack(body: ReceivedBody): void {
    const { encoding } = this.#admitted;
    if (encoding === 'identity') this.#decode(body);
    else void this.#decodeCompressed(body, encoding);
  }

  /** Decodes a body of usual size at once. */
  #decode(body: ReceivedBody): void {
    const { bytes, isOwned } = body;
    const destination = this.#destination;
    if (destination.form !== 'ndjson' && bytes.length > DOCUMENT_BYTES_MAX) {
      this.#exchange.refuse(documentTooLarge(bytes.length));
      body.release();
      return;
    }
    const contribution = this.#contribution;
    const decoded = this.#edge.pieces.decode({
      destination,
      bytes,
      isOwned,
      contribution,
      outcome: this.#outcome,
    });
    if (decoded === undefined) body.release();
    else void decoded.then(body.release);
  }

  async #decodeCompressed(body: ReceivedBody, encoding: Compression): Promise<void> {
    const inflated = await this.#edge.inflater.inflate(body.bytes, encoding);
    body.release();
    if (this.#exchange.isOver) return;
    if (!inflated.ok) return this.#exchange.refuse(inflated.error);
    const bytes = inflated.value;
    this.#edge.counters.inflatedBytes += bytes.length;
    const { memory } = this.#edge.bodyRules;
    if (!memory.hold(bytes.length)) return this.#exchange.refuse(NO_MEMORY);
    this.#decode({ bytes, isOwned: true, release: () => memory.drop(bytes.length) });
  }

  #settled(): void {
    const { fault } = this.#contribution;
    const { accepted, rejected } = this.#outcome;
    if (fault !== undefined) this.#exchange.refuse(refusalOfFault(fault.code));
    else if (accepted + rejected === 0) this.#exchange.refuse(EMPTY_BODY);
    else if (accepted === 0) this.#reply(400, '');
    else if (this.#admitted.ack === 'applied') void this.#replyApplied();
    else this.#reply(200, '');
  }

  async #replyApplied(): Promise<void> {
    // What is spooled comes into the log when its brokers are back: nothing to wait for.
    if (this.#contribution.position === undefined) return this.#reply(200, ',"applied":false');
    const { applied, duplicates } = await this.#edge.applied.wait(this.#contribution.rows);
    this.#reply(200, applied ? `,"applied":true,"duplicates":${duplicates}` : ',"applied":false');
  }

  #reply(status: 200 | 400, more: string): void {
    const { accepted, rejected, warning } = this.#outcome;
    const { clockOffsetMs = 0 } = this.#admitted.destination;
    const isPlain = rejected === 0 && warning === undefined && clockOffsetMs === 0;
    if (isPlain && more === '') {
      this.#exchange.reply(200, allAcceptedJson(this.#outcome, this.#contribution.position));
      return;
    }
    const outcome = outcomeJson(this.#outcome, this.#contribution.position);
    const error = accepted === 0 ? `"error":${ALL_REJECTED},` : '';
    if (accepted === 0) this.#edge.counters.refused('all_rejected');
    const corrected = clockOffsetMs === 0 ? '' : `,"clockOffsetMs":${clockOffsetMs}`;
    this.#exchange.reply(status, `{${error}${outcome}${corrected}${more}}`);
  }
}

/** The members that the answers to a request and to a frame share. Without a position, it is spooled. */
export function outcomeJson(
  { accepted, rejected, errors, warning }: BodyOutcome,
  position: string | undefined,
): string {
  const list = errors.length === 0 ? '[]' : JSON.stringify(errors);
  const where = position === undefined ? '"spooled":true' : `"position":"${position}"`;
  const warned = warning === undefined ? '' : `,"warnings":[${JSON.stringify(warning)}]`;
  return `"accepted":${accepted},"rejected":${rejected},"errors":${list}${warned},${where}`;
}

/** The last answer in which all was accepted. */
let last: { accepted: number; position: string | undefined; json: Uint8Array } = {
  accepted: 0,
  position: '',
  json: new Uint8Array(0),
};
const encoder = new TextEncoder();

/** Nearly always the last one again: a batch has one position, and usually its requests bring as many events each. */
function allAcceptedJson(outcome: BodyOutcome, position: string | undefined): Uint8Array {
  const { accepted } = outcome;
  if (accepted !== last.accepted || position !== last.position) {
    last = { accepted, position, json: encoder.encode(`{${outcomeJson(outcome, position)}}`) };
  }
  return last.json;
}

const ALL_REJECTED = JSON.stringify({
  code: 'all_rejected',
  message: 'no event of the body was accepted: "errors" says why for each of the first',
});

const EMPTY_BODY: Refusal = {
  code: 'empty_body',
  message: 'the body has no events: expected at least one line or element',
};

const documentTooLarge = (receivedBytes: number): Refusal => ({
  code: 'body_too_large',
  message: `a JSON or msgpack body may have at most ${DOCUMENT_BYTES_MAX} bytes, received ${receivedBytes}: send NDJSON, or fewer events per request`,
  limit: DOCUMENT_BYTES_MAX,
});
