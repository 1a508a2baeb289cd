/** The names of the settings, read off the schema: for environment variables and for "did you mean". */
import { z } from 'zod';

export type Path = readonly (string | number)[];

export interface Setting {
  readonly path: readonly string[];
  /** Its text in the environment is YAML: `[a, b]`. */
  readonly isList: boolean;
}

export const ENV_PREFIX = 'STREAMGAUGE_';

/** `listen.ingestPort` is `STREAMGAUGE_LISTEN_INGEST_PORT`. */
export const envName = (path: readonly string[]): string =>
  ENV_PREFIX + path.map((part) => part.replace(/[A-Z]/g, '_$&').toUpperCase()).join('_');

/** `keys[0].hash`, as a person would write it. */
export const keyOf = (path: Path): string =>
  path.reduce<string>((key, part) => {
    if (typeof part === 'number') return `${key}[${part}]`;
    return key === '' ? part : `${key}.${part}`;
  }, '');

/** Every setting that has a value of its own, in the order of the schema. Lists count as one. */
export function settingsOf(schema: unknown, path: readonly string[] = []): Setting[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [{ path, isList: inner instanceof z.ZodArray }];
  return Object.entries(inner.shape).flatMap(([key, part]) => settingsOf(part, [...path, key]));
}

/** The keys that the group at this path may have; none if there is no group. */
export function keysAllowedAt(schema: unknown, path: Path): string[] {
  const inner = unwrap(schema);
  const [part, ...rest] = path;
  if (inner instanceof z.ZodArray) return keysAllowedAt(inner.element, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  if (part === undefined) return Object.keys(inner.shape);
  return typeof part === 'string' && Object.hasOwn(inner.shape, part)
    ? keysAllowedAt(inner.shape[part], rest)
    : [];
}

/** The candidate that a person most likely meant, or undefined if none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (name: string) => name.toLowerCase().replace(/[_\-.]/g, '');
  const target = plain(word.slice(0, 64));
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(target, plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  if (best === undefined) return undefined;
  const longer = Math.max(target.length, plain(best.candidate).length);
  if (best.distance <= Math.max(1, Math.floor(longer / 3))) return best.candidate;
  return candidates.find((candidate) => target.length > 3 && plain(candidate).startsWith(target));
}

/** Levenshtein's distance with swapped neighbours as one step (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? (before[j - 2] as number) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, swapped, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] as number;
}

function unwrap(schema: unknown): unknown {
  const wrapped =
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional;
  if (wrapped) return unwrap(schema.unwrap());
  // A transformed group is a pipe; its input side is what people write.
  return schema instanceof z.ZodPipe && !(schema.in instanceof z.ZodUnknown)
    ? unwrap(schema.in)
    : schema;
}
