/** Tokens of an OAuth 2 server, for the client's own credentials (RFC 6749, section 4.4). One at a time, used until it is old. */
import { Readable } from 'node:stream';
import { AppError } from '../../src/model/errors.ts';
import {
  createHttpExchange,
  type HttpAnswer,
  type HttpExchange,
} from '../archive/http-exchange.ts';

export interface TokenEndpointOptions {
  readonly url: URL;
  readonly clientId: string;
  /** Asked for each token. */
  readonly secret: () => Promise<string>;
  readonly scope?: string | undefined;
  /** PEM, to trust instead of what Node.js does. */
  readonly ca?: string | undefined;
}

/** A broker gives up a connection that does not show itself in time. */
const TIMEOUTS = { connectMs: 3_000, idleMs: 3_000, wholeMs: 5_000 };
const ANSWER_BYTES_MAX = 64 * 1024;
/**
 * Of a token's life. A connection shows itself anew after four fifths of what its token had left: by then, whenever it was
 * made, there has to be another one.
 */
const USED_PART = 0.5;
/** Of a token that does not say how long it lives: every connection gets its own. */
const UNKNOWN_LIFE_S = 0;

interface Token {
  readonly token: string;
  /** On the clock of `performance`. */
  readonly usedUntil: number;
}

export class TokenEndpoint {
  readonly #options: TokenEndpointOptions;
  readonly #http: HttpExchange;
  #newest: Token | undefined;
  #asking: Promise<Token> | undefined;

  constructor(options: TokenEndpointOptions) {
    this.#options = options;
    this.#http = createHttpExchange(TIMEOUTS, 1, options.ca);
  }

  /** Rejects with `log_denied`, or `log_away` where the server is out of reach. */
  async token(): Promise<string> {
    const newest = this.#newest;
    if (newest !== undefined && performance.now() < newest.usedUntil) return newest.token;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    this.#newest = await this.#asking;
    return this.#newest.token;
  }

  async #ask(): Promise<Token> {
    const { url, clientId, secret, scope } = this.#options;
    const askedAt = performance.now();
    const credentials = [clientId, await secret()].map(encodeURIComponent).join(':');
    const body = Buffer.from(
      new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) }).toString(),
    );
    const answer = await this.#http
      .send({
        method: 'POST',
        url,
        headers: {
          authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
        },
        body: { bytes: body.length, open: () => Readable.from([body]) },
      })
      .catch((cause: unknown) => {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new AppError('log_away', `no token for Kafka from ${url.origin}: ${why}`, {}, cause);
      });
    const text = await textOf(answer);
    const { access_token: token, expires_in: lifeS } = parsed(text);
    if (answer.status !== 200 || typeof token !== 'string') {
      throw new AppError(
        'log_denied',
        `expected a token for Kafka from ${url.origin}${url.pathname}, it answered ${answer.status}: see to clientId and the secret`,
      );
    }
    const life = typeof lifeS === 'number' ? lifeS : UNKNOWN_LIFE_S;
    return { token, usedUntil: askedAt + life * 1_000 * USED_PART };
  }
}

async function textOf(answer: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
