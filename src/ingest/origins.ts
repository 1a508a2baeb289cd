/** Which pages may send from a browser, and what a browser has to be told (the Fetch standard's CORS). */

import { quoted } from './media-type.ts';
import type { Refusal } from './refusal.ts';

export class Origins {
  readonly #any: boolean;
  readonly #allowed: ReadonlySet<string>;

  constructor(allowed: readonly string[]) {
    this.#any = allowed.includes('*');
    this.#allowed = new Set(allowed);
  }

  /**
   * The value of `Access-Control-Allow-Origin`; empty if the request comes from no page. `*` is safe here:
   * credentials are never allowed, so a page can only use a key that it knows itself.
   */
  answerTo(origin: string): string {
    if (origin === '') return '';
    return this.#any ? '*' : this.#allowed.has(origin) ? origin : '';
  }

  /** Browsers send a beacon without asking first, so a page that is not allowed is also refused here. */
  refusalOf(origin: string): Refusal | undefined {
    if (origin === '' || this.#any || this.#allowed.has(origin)) return undefined;
    return {
      code: 'origin_not_allowed',
      message: `pages of ${quoted(origin)} may not send here: add it to cors.origins`,
    };
  }
}

/** What a page may send after it has asked. A day is the longest that browsers remember the answer. */
export const PREFLIGHT_HEADERS: readonly (readonly [string, string])[] = [
  ['Access-Control-Allow-Methods', 'POST'],
  ['Access-Control-Allow-Headers', 'Authorization, Content-Type, Content-Encoding'],
  ['Access-Control-Max-Age', '86400'],
];
