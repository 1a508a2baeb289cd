/** Tells those who wait for the leader of the cluster, or are answered as by it, when it leads no more. */
import type { LeaderPort } from '../src/query/leader-port.ts';

/** Of what is under way. Ends with `end`, and must. */
export interface Watched {
  /** Aborted when somebody else leads, or nobody. */
  readonly signal: AbortSignal;
  end(): void;
}

/** Membership tells of another leader after seconds: to look more often would show nothing sooner. */
export const LEADER_LOOK_MS = 250;

export class LeaderWatch {
  readonly #leader: LeaderPort;
  /** What is under way, by who leads: the address of another node, or undefined for this one. */
  readonly #underWay = new Map<AbortController, string | undefined>();
  #looks: NodeJS.Timeout | undefined;

  constructor(leader: LeaderPort) {
    this.#leader = leader;
  }

  /** While this node leads, or else the one at `url`. */
  while(url: string | undefined): Watched {
    const lost = new AbortController();
    this.#underWay.set(lost, url);
    this.#looks ??= setInterval(() => this.#look(), LEADER_LOOK_MS).unref();
    return {
      signal: lost.signal,
      end: () => {
        this.#underWay.delete(lost);
        if (this.#underWay.size > 0) return;
        clearInterval(this.#looks);
        this.#looks = undefined;
      },
    };
  }

  #look(): void {
    const { isLeader, leaderUrl } = this.#leader;
    for (const [lost, url] of this.#underWay) {
      const stillLeads = url === undefined ? isLeader : !isLeader && url === leaderUrl;
      if (!stillLeads) lost.abort();
    }
  }
}
