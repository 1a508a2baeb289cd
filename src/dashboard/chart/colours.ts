/** Which look a line has: a label keeps its own as long as the page is open, whatever comes and goes beside it. */

/** A page that is open for weeks has seen more labels than anybody remembers. */
const NAMES_MAX = 1_000;
/** As many as the style sheet has. */
export const COLOURS = 8;
/** So many looks are told apart: colours, and then the same colours dashed. */
const LOOKS = 2 * COLOURS;

export const colourOf = (look: number): number => look % COLOURS;

export const isDashed = (look: number): boolean => look >= COLOURS;

export class Looks {
  readonly #known = new Map<string, number>();

  /** By name. The same names, met first and together, have the same looks on every screen. */
  of(names: readonly string[]): ReadonlyMap<string, number> {
    if (this.#known.size > NAMES_MAX) this.#known.clear();
    const taken = new Set(names.flatMap((name) => this.#known.get(name) ?? []));
    for (const name of [...names].sort()) {
      if (this.#known.has(name)) continue;
      const look = freeFrom(hashOf(name) % COLOURS, taken);
      taken.add(look);
      this.#known.set(name, look);
    }
    return new Map(names.map((name) => [name, this.#known.get(name) ?? 0]));
  }
}

/** Dashes come when all colours are taken. */
function freeFrom(first: number, taken: ReadonlySet<number>): number {
  for (let i = 0; i < LOOKS; i++) {
    const look = ((first + i) % COLOURS) + (i < COLOURS ? 0 : COLOURS);
    if (!taken.has(look)) return look;
  }
  return first;
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
