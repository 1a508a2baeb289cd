/** What groups and lists of the configuration have in common, and the shapes that rollups and alarm rules share. */
import { z } from 'zod';
import type { RollupFilter } from '../model/rollup.ts';
import { scalar, text } from './scalars.ts';

/** Every name of a stream's field has to fit in what the edge accepts. */
export const FIELD_NAME_LENGTH_MAX = 1024;

export const list = <T extends z.ZodType>(item: T, lengthMax: number) =>
  z
    .array(item, { error: ({ input }) => listExpected(lengthMax, input) })
    .max(lengthMax, { error: listExpected(lengthMax, []) });

/** A list that has to be there is never empty. From a variable comes text: there a list is written as in YAML. */
function listExpected(lengthMax: number, input: unknown): string {
  if (input === undefined) return `expected a list of at least one item, at most ${lengthMax}`;
  const written = typeof input === 'string' ? ', written in brackets: [a, b]' : '';
  return `expected a list of at most ${lengthMax} items${written}`;
}

export const group = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, { error: `expected a group of keys: ${Object.keys(shape).join(', ')}` });

export const field = text('the name of a field', FIELD_NAME_LENGTH_MAX);

export const filter = group({
  field,
  in: list(
    scalar('text, a number or a boolean', (raw) =>
      ['string', 'number', 'boolean'].includes(typeof raw) ? String(raw) : undefined,
    ),
    1_000,
  ).min(1, { error: 'expected at least one value' }),
}).transform((value): RollupFilter => value);

/** Indexes of the values that an earlier one equals. */
export function repeated(values: readonly string[]): number[] {
  const first = new Set<string>();
  return values.flatMap((value, i) => {
    if (first.has(value)) return [i];
    first.add(value);
    return [];
  });
}
