/** Which events are looked at: as the address has it, and as the server takes it. Pure, so that it is tested without a browser. */
import { conditionsIn, type Where, whereOf } from '../question/condition.ts';

export interface EventFilter {
  readonly stream: string;
  readonly fromMs: number | undefined;
  /** Exclusive. Undefined: up to now, and what comes. */
  readonly toMs: number | undefined;
  /** All of them hold. */
  readonly conditions: readonly Where[];
  /** Some text of the event has it; empty: whatever. */
  readonly contains: string;
}

/** What the filter is, or what is wrong with the address: a part that was passed over would answer another question. */
export type ReadFilter =
  | { readonly ok: true; readonly filter: EventFilter }
  | { readonly ok: false; readonly problem: string };

export function readFilter(parameters: URLSearchParams): ReadFilter {
  const [from, to, where] = ['from', 'to', 'where'].map((name) => parameters.get(name));
  const wrong = (
    name: string,
    wanted: string,
    received: string | null | undefined,
  ): ReadFilter => ({
    ok: false,
    problem: `The address has ${name}=${received}, expected ${wanted}.`,
  });
  const [fromMs, toMs] = [timeIn(from), timeIn(to)];
  if (fromMs === null) return wrong('from', 'a time as epoch milliseconds', from);
  if (toMs === null) return wrong('to', 'a time as epoch milliseconds', to);
  const conditions = where == null ? [] : conditionsIn(where);
  if (conditions === undefined) {
    return wrong('where', 'a condition as JSON, such as {"field":"user","eq":"u1"}', where);
  }
  const stream = parameters.get('stream') || 'events';
  const contains = parameters.get('contains') ?? '';
  return { ok: true, filter: { stream, fromMs, toMs, conditions, contains } };
}

/** Null: it is none. */
function timeIn(text: string | null | undefined): number | undefined | null {
  if (text == null) return undefined;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

/** What the address has of it. */
export function parametersOf(filter: EventFilter): Readonly<Record<string, string | undefined>> {
  const { stream, fromMs, toMs, conditions, contains } = filter;
  const where = whereOf(conditions);
  return {
    stream: stream === 'events' ? undefined : stream,
    from: fromMs?.toString(),
    to: toMs?.toString(),
    where: where && JSON.stringify(where),
    contains: contains === '' ? undefined : contains,
  };
}
