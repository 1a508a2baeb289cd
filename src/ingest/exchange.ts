/** One HTTP request in progress: answered at most once, and not at all if its sender has gone. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Counters } from './counters.ts';
import { headerBytes } from './header-bytes.ts';
import { type Refusal, refusalJson, statusOf } from './refusal.ts';

const STATUS_LINE: Readonly<Record<number, string>> = {
  200: '200 OK',
  204: '204 No Content',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  408: '408 Request Timeout',
  413: '413 Content Too Large',
  415: '415 Unsupported Media Type',
  426: '426 Upgrade Required',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
};

const CONTENT_TYPE = headerBytes('Content-Type');
const JSON_TYPE = headerBytes('application/json');

type Headers = readonly (readonly [string, string])[];
const NO_HEADERS: Headers = [];

/** What answers the requests of a path. */
export type Route = (res: HttpResponse, req: HttpRequest) => void;

/** Its sender wants to know what a GET would be answered, and takes a body for the next answer. */
export const isHead = (req: HttpRequest): boolean => req.getMethod() === 'head';

/** Who has something to give back. */
export interface Ending {
  exchangeOver(): void;
}

export class Exchange {
  readonly res: HttpResponse;
  readonly #counters: Counters;
  /** What `Access-Control-Allow-Origin` has to say; empty if nothing. */
  readonly #allowOrigin: string;
  /** Of a request as `isHead` says. */
  readonly #hasNoBody: boolean;
  #ending: Ending | undefined;
  /** Answered or aborted: `res` must not be touched any more. */
  isOver = false;

  constructor(res: HttpResponse, counters: Counters, allowOrigin: string, hasNoBody = false) {
    this.res = res;
    this.#counters = counters;
    this.#allowOrigin = allowOrigin;
    this.#hasNoBody = hasNoBody;
    counters.requestsInProgress += 1;
    res.onAborted(() => this.#end());
  }

  /** Whom to tell once, when the exchange is over for whatever reason. */
  onOver(ending: Ending | undefined): void {
    this.#ending = ending;
  }

  /** `json` may be encoded already; nothing but 204 has none. */
  reply(
    status: number,
    json: string | Uint8Array,
    headers = NO_HEADERS,
    closeConnection = false,
  ): void {
    if (this.isOver) return;
    this.#counters.replied(status);
    this.res.cork(() => {
      // Each call into the library costs as much as a line of ours: it writes 200 by itself.
      if (status !== 200) this.res.writeStatus(STATUS_LINE[status] as string);
      if (this.#allowOrigin !== '') this.#writeOrigin();
      for (const [name, value] of headers) this.res.writeHeader(name, value);
      if (json !== '') this.res.writeHeader(CONTENT_TYPE, JSON_TYPE);
      // Any argument here, even undefined, would be taken for a length, and a body of that length be waited for.
      if (json === '' || this.#hasNoBody) this.res.endWithoutBody();
      else this.res.end(json, closeConnection);
    });
    this.#end();
  }

  refuse(refusal: Refusal, headers = NO_HEADERS, closeConnection = false): void {
    if (this.isOver) return;
    this.#counters.refused(refusal.code);
    const all = [...headers];
    if (refusal.retryAfterMs !== undefined) {
      all.push(['Retry-After', String(Math.ceil(refusal.retryAfterMs / 1_000))]);
    }
    if (refusal.code === 'unauthorized') all.push(['WWW-Authenticate', 'Bearer']);
    this.reply(statusOf(refusal.code), refusalJson(refusal), all, closeConnection);
  }

  #writeOrigin(): void {
    this.res.writeHeader('Access-Control-Allow-Origin', this.#allowOrigin);
    this.res.writeHeader('Access-Control-Expose-Headers', 'Retry-After');
    if (this.#allowOrigin !== '*') this.res.writeHeader('Vary', 'Origin');
  }

  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#counters.requestsInProgress -= 1;
    this.#ending?.exchangeOver();
  }
}
