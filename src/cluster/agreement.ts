/**
 * What nodes need to have in common beside their group: one archive, and one secret. Each shows both in what it tells of itself, and
 * whoever comes to others that have another one ends itself before it takes a partition of theirs.
 */
import { createHmac } from 'node:crypto';
import { AppError } from '../model/errors.ts';
import { isNodeKey } from '../model/node-key.ts';
import type { NodeIdentity } from './member-data.ts';

export interface InCommon {
  readonly archive: {
    /** Made with it. */
    readonly id: string;
    /** As this node reaches it: others may have another way to the same. */
    readonly url: string;
  };
  readonly secret: string;
}

/** What a node knows of itself without the others. */
export type OwnIdentity = Omit<NodeIdentity, 'archive' | 'proof'>;

export class Agreement {
  /** As the others are told. */
  readonly self: NodeIdentity;
  readonly #topic: string;
  readonly #inCommon: InCommon;

  constructor(node: OwnIdentity, topic: string, inCommon: InCommon) {
    this.#topic = topic;
    this.#inCommon = inCommon;
    this.self = { ...node, archive: inCommon.archive.id, proof: this.#proofOf(node) };
  }

  /** What `other` has that is not this node's; undefined: they agree. */
  difference(other: NodeIdentity): 'secret' | 'archive' | undefined {
    if (!isNodeKey(other.proof, this.#proofOf(other))) return 'secret';
    return other.archive === this.self.archive ? undefined : 'archive';
  }

  /** Why this node, a `config_invalid`, cannot be in one cluster with all of `others`; undefined: it can. */
  refusal(others: readonly NodeIdentity[]): AppError | undefined {
    for (const other of others) {
      // One of its own name is its process before, which may have been set up otherwise.
      const difference = other.name === this.self.name ? undefined : this.difference(other);
      if (difference === undefined) continue;
      const { url } = this.#inCommon.archive;
      const words =
        difference === 'secret'
          ? 'another secret than this node: give both the same cluster.secret or cluster.secretFile'
          : `another archive than this node, whose is ${url}: see on both where "archive" leads to, and whether its folder is mounted`;
      return new AppError(
        'config_invalid',
        `node "${other.name}", at ${other.url}, is in the cluster with ${words}. If it is that node that is wrong, stop it first`,
      );
    }
    return undefined;
  }

  /** Of nodes that do not agree those that were there before stay. */
  isBefore({ life, name }: NodeIdentity): boolean {
    return life < this.self.life || (life === this.self.life && name < this.self.name);
  }

  /**
   * Brokers show it to whoever may look at the group: it says nothing of the secret to who does not have it, and is worth nothing to
   * another node.
   */
  #proofOf({ name, life }: OwnIdentity): string {
    return createHmac('sha256', this.#inCommon.secret)
      .update(JSON.stringify([this.#topic, name, life]))
      .digest('base64url');
  }
}
