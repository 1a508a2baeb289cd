/** Makes events of the pixel's requests, and the fields that visits add to events. One object does it for all edges. */
import { createHmac } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import type { Hit, HitLines, Visit, VisitFields } from '../model/visit.ts';
import { Agents } from './agents.ts';
import type { Countries } from './countries.ts';
import { pageFields } from './page.ts';
import type { DailySalt } from './salt.ts';

/** Of base64url: 66 bits. */
const VISITOR_LENGTH = 11;

export class Visits {
  readonly #agents = new Agents();
  readonly #salt: DailySalt;
  readonly #clock: Clock;
  readonly #countries: Countries | undefined;

  constructor(salt: DailySalt, clock: Clock, countries?: Countries) {
    this.#salt = salt;
    this.#clock = clock;
    this.#countries = countries;
  }

  fieldsOf(visit: Visit): VisitFields {
    const fields = this.#agents.fieldsOf(visit.agent);
    if (visit.isPrivate) return fields;
    const country = this.#countries?.countryOf(visit.network);
    return {
      ...fields,
      ...(country !== undefined && { country }),
      visitor: this.#visitorOf(visit),
    };
  }

  /** Events of each stream in the order of their hits. */
  linesOf(hits: readonly Hit[]): HitLines[] {
    const byStream = Map.groupBy(hits, ({ tenant, stream }) => `${tenant}\0${stream}`);
    return [...byStream.values()].map((some) => {
      const { tenant, stream } = some[0] as Hit;
      const ndjson = some.map((hit) => this.#lineOf(hit)).join('\n');
      return { tenant, stream, ndjson, hits: some.length };
    });
  }

  /** What the hit says of itself counts, but not about who it is: that would be anybody's to claim. */
  #lineOf(hit: Hit): string {
    const visit = this.fieldsOf(hit);
    const { visitor } = visit;
    // What a visitor does stays in order and together.
    const key = visitor === undefined ? {} : { key: visitor };
    return JSON.stringify({ ts: hit.arrivalMs, ...pageFields(hit), ...visit, ...key });
  }

  /** The same for one day, of a tenant; whom it is of is not to be found out once the day's salt is gone. */
  #visitorOf({ tenant, network, agent }: Visit): string {
    return createHmac('sha256', this.#salt.at(this.#clock.now()))
      .update(`${tenant}\0${network}\0${agent}`)
      .digest('base64url')
      .slice(0, VISITOR_LENGTH);
  }
}
