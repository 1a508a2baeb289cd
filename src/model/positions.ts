/** The opaque `position` of the API: how far each partition must have been applied to include a request's events. */
import { type Offset, offset } from './units.ts';

/** Partition -> first offset after the request's last block in it. */
export type Positions = ReadonlyMap<number, Offset>;

/** `p.offset` pairs in base 36, joined by `-`: short, URL-safe, and nothing a client should take apart. */
export function encodePositions(positions: Positions): string {
  return [...positions].map(([p, o]) => `${p.toString(36)}.${o.toString(36)}`).join('-');
}

/** Undefined if the text is no position. An empty text is the position of a request that logged nothing. */
export function decodePositions(text: string): Positions | undefined {
  const positions = new Map<number, Offset>();
  if (text === '') return positions;
  for (const pair of text.split('-')) {
    const match = /^([0-9a-z]{1,4})\.([0-9a-z]{1,11})$/.exec(pair);
    if (match === null) return undefined;
    const value = Number.parseInt(match[2] as string, 36);
    if (!Number.isSafeInteger(value)) return undefined;
    positions.set(Number.parseInt(match[1] as string, 36), offset(value));
  }
  return positions;
}
