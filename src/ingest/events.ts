/** `POST /v1/events`: a request's way from admission to its answer. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Rejection } from '../model/errors.ts';
import { type Admitted, admitEvents, announcedLength } from './admission.ts';
import type { Destination } from './coalescer.ts';
import { Contribution } from './contribution.ts';
import type { DecodeOutcome } from './decode/outcome.ts';
import type { EdgeContext } from './edge-context.ts';
import { Exchange } from './exchange.ts';
import {
  DECODE_SLICE_BYTES,
  DOCUMENT_BYTES_MAX,
  REPLY_ERRORS_MAX,
  SKIPPED_BODY_BYTES_MAX,
} from './limits.ts';
import { type ReceivedBody, receiveBody } from './receive-body.ts';
import { type Refusal, refusalOfFault } from './refusal.ts';
import { slicesOf } from './slices.ts';

export function handleEvents(edge: EdgeContext, res: HttpResponse, req: HttpRequest): void {
  const origin = edge.rules.origins.answerTo(req.getHeader('origin'));
  const exchange = new Exchange(res, edge.counters, origin);
  const admitted = admitEvents(edge.rules, req);
  if (!admitted.ok) {
    edge.refusalLog.note(admitted.error, res, req);
    // The library skips what still comes of the body; past some size it is cheaper to part.
    const isLong = (announcedLength(req) ?? 0) > SKIPPED_BODY_BYTES_MAX;
    exchange.refuse(admitted.error, [], isLong);
    return;
  }
  const { destination, encoding } = admitted.value;
  const isSliced = (length: number) => length > DECODE_SLICE_BYTES;
  const mustOwn = encoding === 'identity' ? isSliced : () => true;
  receiveBody(exchange, edge.bodyRules, mustOwn, (body) => {
    edge.counters.bodyBytes += body.bytes.length;
    const request = new EventsRequest(edge, exchange, admitted.value);
    if (encoding !== 'identity' || body.bytes.length > DECODE_SLICE_BYTES) {
      void request.takeLater(body);
    } else {
      request.take(body.bytes, destination);
      body.release();
    }
  });
}

/** A request whose body has arrived. */
class EventsRequest {
  readonly #edge: EdgeContext;
  readonly #exchange: Exchange;
  readonly #admitted: Admitted;
  readonly #contribution: Contribution;
  readonly #errors: Rejection[] = [];
  #accepted = 0;
  #rejected = 0;

  constructor(edge: EdgeContext, exchange: Exchange, admitted: Admitted) {
    this.#edge = edge;
    this.#exchange = exchange;
    this.#admitted = admitted;
    this.#contribution = new Contribution(admitted.ack === 'applied', () => this.#settled());
  }

  /** Decodes a small body at once. */
  take(bytes: Uint8Array, destination: Destination): void {
    this.#note(this.#edge.coalescer.add(destination, bytes, this.#contribution), 0);
    this.#contribution.end();
  }

  /** Inflates a compressed body; decodes a large one in slices and lets others in between. */
  async takeLater(body: ReceivedBody): Promise<void> {
    const { destination, encoding } = this.#admitted;
    let bytes = body.bytes;
    if (encoding !== 'identity') {
      const inflated = await this.#edge.inflater.inflate(bytes, encoding);
      body.release();
      if (this.#exchange.isOver) return;
      if (!inflated.ok) return this.#exchange.refuse(inflated.error);
      bytes = inflated.value;
      this.#edge.counters.inflatedBytes += bytes.length;
    }
    if (destination.form !== 'ndjson') {
      if (bytes.length > DOCUMENT_BYTES_MAX) this.#exchange.refuse(DOCUMENT_TOO_LARGE);
      else this.take(bytes, destination);
    } else {
      await this.#takeSlices(bytes, destination);
    }
    body.release();
  }

  async #takeSlices(bytes: Uint8Array, destination: Destination): Promise<void> {
    const { coalescer } = this.#edge;
    for (const slice of slicesOf(bytes, DECODE_SLICE_BYTES)) {
      if (slice.lineFrom > 0) await new Promise((resolve) => setImmediate(resolve));
      const { lineFrom } = slice;
      const outcome = coalescer.add(destination, slice.bytes, this.#contribution, lineFrom);
      this.#note(outcome, lineFrom);
    }
    this.#contribution.end();
  }

  #note(outcome: DecodeOutcome, lineFrom: number): void {
    const { counters, rules } = this.#edge;
    this.#accepted += outcome.accepted;
    this.#rejected += outcome.rejected;
    for (const { code, line, message } of outcome.rejections) {
      if (this.#errors.length === REPLY_ERRORS_MAX) break;
      this.#errors.push({ line: lineFrom + line, code, message });
    }
    counters.decoded(outcome);
    rules.quotas.charge(this.#admitted.destination.tenant, outcome.accepted + outcome.rejected);
  }

  #settled(): void {
    const { fault } = this.#contribution;
    if (fault !== undefined) this.#exchange.refuse(refusalOfFault(fault.code));
    else if (this.#accepted + this.#rejected === 0) this.#exchange.refuse(EMPTY_BODY);
    else if (this.#accepted === 0) this.#reply(400, '');
    else if (this.#admitted.ack === 'applied') void this.#replyApplied();
    else this.#reply(200, '');
  }

  async #replyApplied(): Promise<void> {
    const { applied, duplicates } = await this.#edge.applied.wait(this.#contribution.rows);
    this.#reply(200, applied ? `,"applied":true,"duplicates":${duplicates}` : ',"applied":false');
  }

  #reply(status: 200 | 400, more: string): void {
    const accepted = this.#accepted;
    const rejected = this.#rejected;
    const outcome = outcomeJson(accepted, rejected, this.#errors, this.#contribution.position);
    const error = accepted === 0 ? `"error":${ALL_REJECTED},` : '';
    if (accepted === 0) this.#edge.counters.refused('all_rejected');
    this.#exchange.reply(status, `{${error}${outcome}${more}}`);
  }
}

/** The members that the answers to a request and to a frame share. */
export function outcomeJson(
  accepted: number,
  rejected: number,
  errors: readonly Rejection[],
  position: string,
): string {
  const list = errors.length === 0 ? '[]' : JSON.stringify(errors);
  return `"accepted":${accepted},"rejected":${rejected},"errors":${list},"position":"${position}"`;
}

const ALL_REJECTED = JSON.stringify({
  code: 'all_rejected',
  message: 'no event of the body was accepted: "errors" says why for each of the first',
});

const EMPTY_BODY: Refusal = {
  code: 'empty_body',
  message: 'the body has no events: expected at least one line or element',
};

const DOCUMENT_TOO_LARGE: Refusal = {
  code: 'body_too_large',
  message: `a JSON or msgpack body may have at most ${DOCUMENT_BYTES_MAX} bytes: send NDJSON, or fewer events per request`,
  limit: DOCUMENT_BYTES_MAX,
};
