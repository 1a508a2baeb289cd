/**
 * `GET /v1/pixel.gif`: a page view, of where no script runs. The image is answered at once, as an image that makes a page wait or
 * looks broken is worse than a view that is lost; what becomes of it then is counted.
 */

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hit, HitLines } from '../model/visit.ts';
import { admitSender, busyRefusal } from './admission.ts';
import { Contribution } from './contribution.ts';
import { BODY_START, type BodyPlace } from './decode/outcome.ts';
import type { EdgeContext } from './edge-context.ts';
import { Exchange, isHead } from './exchange.ts';
import { HEADER } from './header-bytes.ts';
import {
  HIT_BYTES_MAX,
  HIT_LINGER_MS,
  HITS_AT_ONCE_MAX,
  LANGUAGES_LENGTH_MAX,
  PAGE_LENGTH_MAX,
} from './limits.ts';
import { parametersOf } from './parameters.ts';
import { visitOf, type WebPages } from './visits.ts';

/** One transparent point. */
const GIF = Uint8Array.from(
  Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64'),
);

const HEADERS = [
  ['Content-Type', 'image/gif'],
  ['Cache-Control', 'no-store'],
  ['Access-Control-Allow-Origin', '*'],
  ['Cross-Origin-Resource-Policy', 'cross-origin'],
  ['X-Content-Type-Options', 'nosniff'],
] as const;

export class Pixel {
  readonly #edge: Pick<EdgeContext, 'rules' | 'counters' | 'refusalLog' | 'coalescer'>;
  readonly #pages: WebPages;
  #waiting: Hit[] = [];
  /** Of hits that are not durable, and not lost, yet. */
  #bytes = 0;
  #isAsking = false;

  constructor(edge: EdgeContext, pages: WebPages) {
    this.#edge = edge;
    this.#pages = pages;
  }

  /** Whether all that was answered is durable or lost. */
  get isIdle(): boolean {
    return this.#bytes === 0;
  }

  handle(res: HttpResponse, req: HttpRequest): void {
    const { rules, counters, refusalLog } = this.#edge;
    const query = req.getQuery() ?? '';
    const { stream = this.#pages.stream, ...parameters } = parametersOf(req, query);
    // An image needs no leave of its server's: pages that may not send events by script may show it.
    const sender = admitSender(rules, req, '', { ...parameters, stream });
    if (!sender.ok) {
      refusalLog.note(sender.error, res, req);
      new Exchange(res, counters, '', isHead(req)).refuse(sender.error);
      return;
    }
    // Who only asks whether it is there sees no page.
    const { tenant } = sender.value.identity;
    if (!isHead(req)) this.#count({ tenant, stream, query }, res, req);
    counters.replied(200);
    res.cork(() => {
      for (const [name, value] of HEADERS) res.writeHeader(name, value);
      if (isHead(req)) res.endWithoutBody();
      else res.end(GIF);
    });
  }

  /** While the request can still be read. */
  #count(
    { tenant, stream, query }: Pick<Hit, 'tenant' | 'stream' | 'query'>,
    res: HttpResponse,
    req: HttpRequest,
  ): void {
    const { rules, counters } = this.#edge;
    const busy = busyRefusal(rules, tenant);
    if (busy === undefined) {
      this.#add({
        ...visitOf(tenant, this.#pages.proxies, res, req),
        stream,
        arrivalMs: rules.clock.now(),
        query,
        page: req.getHeader(HEADER.referer).slice(0, PAGE_LENGTH_MAX),
        languages: req.getHeader(HEADER.acceptLanguage).slice(0, LANGUAGES_LENGTH_MAX),
      });
    } else counters.hitsLost(busy.code, 1);
    counters.pixelHits += 1;
  }

  #add(hit: Hit): void {
    const bytes = bytesOf(hit);
    if (this.#bytes + bytes > HIT_BYTES_MAX) {
      this.#edge.counters.hitsLost('overloaded', 1);
      return;
    }
    this.#bytes += bytes;
    this.#waiting.push(hit);
    if (this.#isAsking) return;
    this.#isAsking = true;
    void this.#askAll();
  }

  /** One question at a time: the longer an answer takes, the more hits the next one is about. */
  async #askAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < HITS_AT_ONCE_MAX) await sleep(HIT_LINGER_MS);
      const hits = this.#waiting.splice(0, HITS_AT_ONCE_MAX);
      const bytes = hits.reduce((sum, hit) => sum + bytesOf(hit), 0);
      const lines = await this.#pages.answers.linesOf(hits);
      if (lines === undefined) this.#edge.counters.hitsLost('unanswered', hits.length);
      const durable = Promise.all((lines ?? []).map((some) => this.#append(some)));
      void durable.then(() => {
        this.#bytes -= bytes;
      });
    }
    this.#isAsking = false;
  }

  /** Resolves when they are durable, or lost. */
  #append({ tenant, stream, ndjson, hits }: HitLines): Promise<void> {
    const { coalescer, counters, rules } = this.#edge;
    return new Promise((resolve) => {
      const contribution = new Contribution(false, ({ fault }) => {
        if (fault !== undefined) counters.hitsLost(fault.code, hits);
        resolve();
      });
      const destination = { tenant, stream, form: 'ndjson' } as const;
      const body = Buffer.from(ndjson);
      for (let rest: BodyPlace | undefined = BODY_START; rest !== undefined; ) {
        const outcome = coalescer.add(destination, body, contribution, rest);
        counters.decoded(outcome);
        rest = outcome.rest;
      }
      rules.quotas.charge(tenant, hits);
      contribution.end();
    });
  }
}

/** What an object takes beside its texts. */
const HIT_BYTES = 256;

const bytesOf = ({ query, agent, page, languages }: Hit): number =>
  HIT_BYTES + query.length + agent.length + page.length + languages.length;
