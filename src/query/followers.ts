/** Who follows the log: so many at a time, each with its messages. */
import {
  FOLLOWED_PER_SECOND_MAX,
  FOLLOWERS_MAX,
  FOLLOWERS_PER_TENANT_MAX,
} from '../../actors/follow/limits.ts';
import { AppError } from '../model/errors.ts';
import type { FollowedEvents, FollowPort, FollowQuestion } from './follow-port.ts';
import { pullIterator } from './pull-iterator.ts';

export class Followers {
  readonly #port: FollowPort;
  /** By follower, its tenant: what ends it. */
  readonly #open = new Map<() => void, string>();
  #isClosed = false;

  constructor(port: FollowPort) {
    this.#port = port;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * The first message has no events: what is committed from then on comes. Rejects with `query_invalid`, or `query_overload` if
   * a bound is reached.
   */
  async subscribe(question: FollowQuestion): Promise<AsyncIterableIterator<FollowedEvents>> {
    const { tenant, maxPerSecond } = question;
    if (!(maxPerSecond >= 1 && maxPerSecond <= FOLLOWED_PER_SECOND_MAX)) {
      throw new AppError(
        'query_invalid',
        `"maxPerSecond" must be 1 to ${FOLLOWED_PER_SECOND_MAX}, received ${maxPerSecond}`,
      );
    }
    this.#checkRoom(tenant);
    const closing = Promise.withResolvers<void>();
    const end = () => {
      this.#open.delete(end);
      closing.resolve();
    };
    this.#open.set(end, tenant);
    try {
      const source = await this.#port.follow(question);
      void closing.promise.then(() => source.close());
      let hasBegun = false;
      const pull = async () => {
        if (hasBegun) return source.next();
        hasBegun = true;
        return { events: [], skipped: 0 };
      };
      return pullIterator<FollowedEvents>(pull, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Ends every one of them. */
  close(): void {
    this.#isClosed = true;
    for (const end of [...this.#open.keys()]) end();
  }

  #checkRoom(tenant: string): void {
    if (this.#isClosed) throw new AppError('query_overload', 'the server is stopping');
    const own = [...this.#open.values()].filter((each) => each === tenant).length;
    const all = this.#open.size;
    if (own < FOLLOWERS_PER_TENANT_MAX && all < FOLLOWERS_MAX) return;
    throw new AppError(
      'query_overload',
      `${all} readers follow streams, ${own} of them of this tenant; there may be ${FOLLOWERS_MAX}, ${FOLLOWERS_PER_TENANT_MAX} of a tenant: end some, or try again later`,
    );
  }
}
