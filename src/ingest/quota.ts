/** Each tenant's share of the edge, as token buckets that may go into debt. */
import type { Clock } from '../model/clock.ts';
import type { EdgeLimits } from './options.ts';
import type { Refusal } from './refusal.ts';

/**
 * Holds up to one second's worth of tokens. What a request costs is known only after it is decoded, so it is let in
 * while any token is left and charged afterwards: a large batch passes, and the debt keeps the next one waiting.
 */
export class TokenBucket {
  readonly #perSecond: number;
  #tokens: number;
  #filledMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#filledMs = nowMs;
  }

  /** 0 if a request may pass now, else how long until one may. */
  waitMs(nowMs: number): number {
    // A clock that was set back fills nothing.
    const elapsedMs = Math.max(0, nowMs - this.#filledMs);
    this.#tokens = Math.min(this.#perSecond, this.#tokens + (elapsedMs * this.#perSecond) / 1_000);
    this.#filledMs = nowMs;
    return this.#tokens > 0 ? 0 : Math.ceil((-this.#tokens * 1_000) / this.#perSecond) + 1;
  }

  charge(tokens: number): void {
    this.#tokens -= tokens;
  }
}

interface TenantBuckets {
  readonly requests: TokenBucket | undefined;
  readonly events: TokenBucket | undefined;
}

/** Bounded by the number of tenants, which only the configured keys name. */
export class Quotas {
  readonly #limits: EdgeLimits;
  readonly #requestsPerSecond: number | undefined;
  readonly #eventsPerSecond: number | undefined;
  readonly #byTenant = new Map<string, TenantBuckets>();

  constructor(limits: EdgeLimits, edges: number) {
    this.#limits = limits;
    const share = (max: number | undefined) => (max === undefined ? undefined : max / edges);
    this.#requestsPerSecond = share(limits.requestsPerSecondMax);
    this.#eventsPerSecond = share(limits.eventsPerSecondMax);
  }

  /** Lets a request of this tenant in, counting it, or says when to come back. */
  admit(tenant: string, clock: Clock): Refusal | undefined {
    if (this.#requestsPerSecond === undefined && this.#eventsPerSecond === undefined) {
      return undefined;
    }
    const nowMs = clock.now();
    const { requests, events } = this.#bucketsOf(tenant, nowMs);
    const requestsMs = requests?.waitMs(nowMs) ?? 0;
    const eventsMs = events?.waitMs(nowMs) ?? 0;
    if (requestsMs === 0 && eventsMs === 0) {
      requests?.charge(1);
      return undefined;
    }
    const what = requestsMs > eventsMs ? 'requestsPerSecondMax' : 'eventsPerSecondMax';
    const limit = this.#limits[what] as number;
    return {
      code: 'quota_exceeded',
      message: `tenant "${tenant}" has used up what limits.${what} allows (${limit}): wait, then send again`,
      retryAfterMs: Math.max(requestsMs, eventsMs),
      limit,
    };
  }

  charge(tenant: string, events: number): void {
    this.#byTenant.get(tenant)?.events?.charge(events);
  }

  #bucketsOf(tenant: string, nowMs: number): TenantBuckets {
    let buckets = this.#byTenant.get(tenant);
    if (buckets === undefined) {
      buckets = {
        requests: bucket(this.#requestsPerSecond, nowMs),
        events: bucket(this.#eventsPerSecond, nowMs),
      };
      this.#byTenant.set(tenant, buckets);
    }
    return buckets;
  }
}

const bucket = (perSecond: number | undefined, nowMs: number): TokenBucket | undefined =>
  perSecond === undefined ? undefined : new TokenBucket(perSecond, nowMs);
