/** What a rule measures, and the units of its numbers. Pure. */
import { shortNumber } from '../kit/format.ts';
import { measureShown, type Shown } from '../question/words.ts';

export interface Measure {
  readonly op: string;
  readonly field?: string;
  readonly q?: number;
}

/** `quantile(duration_ms, 0.99)`, as rules have it. */
export function measureOf(text: unknown): Measure | undefined {
  const [, op, field, q] =
    /^\s*(\w+)\s*(?:\(\s*([^,()]+?)\s*(?:,\s*([\d.]+)\s*)?\))?\s*$/.exec(String(text)) ?? [];
  if (op === undefined) return undefined;
  return { op, ...(field !== undefined && { field }), ...(q !== undefined && { q: Number(q) }) };
}

export interface RuleUnits {
  readonly value: Shown;
  readonly threshold: Shown;
}

interface Judged {
  readonly measure?: unknown;
  readonly over?: unknown;
  /** Its bounds are values of the measure, and not of how much that has changed. */
  readonly isThreshold: boolean;
}

/** Those of the measure; a part of a whole has none. */
export function unitsOf({ measure = 'count', over, isThreshold }: Judged): RuleUnits {
  const read = over == null ? measureOf(measure) : undefined;
  const value = read === undefined ? shortNumber : measureShown(read);
  return { value, threshold: isThreshold ? value : shortNumber };
}
