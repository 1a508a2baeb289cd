/** Tells the operator whom the edge turns away, without letting a flood of refusals become a flood of lines. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/logger.ts';
import type { TrustedProxies } from './client-address.ts';
import { REFUSALS_LOGGED_PER_SECOND } from './limits.ts';
import type { Refusal } from './refusal.ts';

export class RefusalLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #proxies: TrustedProxies;
  #second = 0;
  #logged = 0;
  #suppressed = 0;

  constructor(logger: Logger, clock: Clock, proxies: TrustedProxies) {
    this.#logger = logger;
    this.#clock = clock;
    this.#proxies = proxies;
  }

  /** While `req` and `res` are valid. */
  note({ code }: Refusal, res: HttpResponse, req: HttpRequest): void {
    const second = Math.floor(this.#clock.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#logged = 0;
    }
    if (this.#logged === REFUSALS_LOGGED_PER_SECOND) {
      this.#suppressed += 1;
      return;
    }
    this.#logged += 1;
    const peer = Buffer.from(res.getRemoteAddressAsText()).toString();
    const client = this.#proxies.clientOf(peer, req.getHeader('x-forwarded-for'));
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    const more = suppressed > 0 ? { suppressed } : {};
    this.#logger.info({ code, client, path: req.getUrl(), ...more }, 'request refused');
  }
}
