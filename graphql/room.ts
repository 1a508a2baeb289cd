/**
 * How much of what stays open anybody may hold, so that the others find room: one link or key, all links of a tenant, a
 * tenant, and all together. What people opened by signing in with a key is that key's.
 */
import { err, ok, type Result } from '../src/model/result.ts';
import type { Access } from './authorize.ts';

export interface RoomBounds {
  readonly link: number;
  /** Of a tenant. Who was given links cannot keep out whoever gave them. */
  readonly links: number;
  readonly key: number;
  readonly tenant: number;
  readonly all: number;
}

export interface RoomOptions {
  /** In the plural, for messages. */
  readonly what: string;
  readonly bounds: RoomBounds;
  /** That of a link is its dashboard's. */
  readonly tenantOf: (access: Access) => string;
}

/** Part of the room that a holder has a share of. */
interface Share {
  readonly name: string;
  readonly who: string;
  readonly max: number;
}

export class Room {
  readonly #options: RoomOptions;
  /** By the name of a share, what is held of it; those of which nothing is held are not kept. */
  readonly #held = new Map<string, number>();

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** How much is held by all. */
  get taken(): number {
    return this.#held.get(ALL) ?? 0;
  }

  /** Answers what gives it back, once however often it is called; or why there is no room, and what to do. */
  take(access: Access): Result<() => void, string> {
    const shares = this.#sharesOf(access);
    const full = shares.find(({ name, max }) => this.#heldOf(name) >= max);
    if (full !== undefined) return err(this.#refusal(full));
    for (const { name } of shares) this.#held.set(name, this.#heldOf(name) + 1);
    let isHeld = true;
    return ok(() => {
      if (!isHeld) return;
      isHeld = false;
      for (const { name } of shares) this.#giveBack(name);
    });
  }

  #sharesOf(access: Access): readonly Share[] {
    const { bounds, tenantOf } = this.#options;
    const tenant = tenantOf(access);
    const own: readonly Share[] =
      access.share === undefined
        ? [{ name: `key ${tenant} ${access.keyId}`, who: 'this key', max: bounds.key }]
        : [
            { name: `link ${access.share}`, who: 'this link', max: bounds.link },
            { name: `links ${tenant}`, who: "this tenant's links", max: bounds.links },
          ];
    return [
      ...own,
      { name: `tenant ${tenant}`, who: 'this tenant', max: bounds.tenant },
      { name: ALL, who: 'the server', max: bounds.all },
    ];
  }

  #heldOf(name: string): number {
    return this.#held.get(name) ?? 0;
  }

  #giveBack(name: string): void {
    const left = this.#heldOf(name) - 1;
    if (left === 0) this.#held.delete(name);
    else this.#held.set(name, left);
  }

  /** Short enough for the reason of a close frame, which has 123 bytes. */
  #refusal({ who, max }: Share): string {
    return `${max} ${this.#options.what} of ${who} are open, as many as may be: close some, or try again later`;
  }
}

const ALL = 'all';
