/** What groups and lists of the configuration have in common, and the shapes that rollups and alarm rules share. */
import { z } from 'zod';
import type { RollupFilter } from '../model/rollup.ts';
import { scalar, text } from './scalars.ts';

/** Every name of a stream's field has to fit in what the edge accepts. */
export const FIELD_NAME_LENGTH_MAX = 1024;

export const list = <T extends z.ZodType>(item: T, lengthMax: number) =>
  z
    .array(item, { error: `expected a list of at most ${lengthMax} items` })
    .max(lengthMax, { error: `expected a list of at most ${lengthMax} items` });

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
