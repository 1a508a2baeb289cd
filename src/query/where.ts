/** Conditions on labels: what a query keeps of a rollup's series. */
import { OVERFLOW_LABEL } from '../aggregate/series-index.ts';
import { AppError } from '../model/errors.ts';
import { numberInText } from '../model/number-text.ts';
import { WHERE_DEPTH_MAX, WHERE_TERMS_MAX } from './limits.ts';

export type Bound = string | number;

/** All parts that are given must hold. The parts besides `field`, `and`, `or` and `not` judge the value of `field`. */
export interface Where {
  readonly field?: string;
  readonly eq?: string;
  readonly ne?: string;
  readonly in?: readonly string[];
  readonly prefix?: string;
  /** A number compares with labels that are numbers as such, a text with all labels as texts, by their code points; none with the overflow series. */
  readonly gt?: Bound;
  readonly gte?: Bound;
  readonly lt?: Bound;
  readonly lte?: Bound;
  /** True: the event had the field. False: it had not. */
  readonly exists?: boolean;
  readonly and?: readonly Where[];
  readonly or?: readonly Where[];
  readonly not?: Where;
}

/** A series' labels in the order of the rollup's dimensions; null where its events had no such field. */
export type Labels = readonly (string | null)[];
export type LabelTest = (labels: Labels) => boolean;

/**
 * The fields that a condition reads. Throws `query_invalid` if the condition is too large or says nothing.
 *
 * @param left parts and values that conditions which belong together may still have
 */
export function fieldsOf(
  where: Where | undefined,
  left = { terms: WHERE_TERMS_MAX },
): ReadonlySet<string> {
  const fields = new Set<string>();
  if (where !== undefined) visit(where, 1, fields, left);
  return fields;
}

const RANGE = ['gt', 'gte', 'lt', 'lte'] as const;
const JUDGING = ['eq', 'ne', 'in', 'prefix', ...RANGE, 'exists'] as const;

function visit(where: Where, depth: number, fields: Set<string>, left: { terms: number }): void {
  const judging = JUDGING.filter((part) => where[part] !== undefined).length;
  left.terms -= Math.max(1, judging) + (where.in?.length ?? 0);
  if (depth > WHERE_DEPTH_MAX || left.terms < 0) {
    throw new AppError(
      'query_invalid',
      `conditions may nest ${WHERE_DEPTH_MAX} deep and have ${WHERE_TERMS_MAX} parts and values in all`,
    );
  }
  const judgesValue = judging > 0;
  if (judgesValue !== (where.field !== undefined)) {
    throw new AppError(
      'query_invalid',
      judgesValue
        ? `a condition with one of ${JUDGING.join(', ')} must name its field`
        : `the condition on "${where.field}" needs one of ${JUDGING.join(', ')}`,
    );
  }
  if (where.field !== undefined) fields.add(where.field);
  for (const part of [...(where.and ?? []), ...(where.or ?? [])]) {
    visit(part, depth + 1, fields, left);
  }
  if (where.not !== undefined) visit(where.not, depth + 1, fields, left);
}

/**
 * The condition as a function. An absent field equals nothing and lies in no range: all but `exists` are false on it, only
 * `ne` is true, so that `ne` is always the opposite of `eq`. Every field must be among `dimensions`.
 */
export function compileWhere(where: Where | undefined, dimensions: readonly string[]): LabelTest {
  if (where === undefined) return () => true;
  const tests: LabelTest[] = [...valueTests(where, dimensions)];
  for (const part of where.and ?? []) tests.push(compileWhere(part, dimensions));
  if (where.or !== undefined) {
    const any = where.or.map((part) => compileWhere(part, dimensions));
    tests.push((labels) => any.some((test) => test(labels)));
  }
  if (where.not !== undefined) {
    const inner = compileWhere(where.not, dimensions);
    tests.push((labels) => !inner(labels));
  }
  return (labels) => tests.every((test) => test(labels));
}

function* valueTests(where: Where, dimensions: readonly string[]): Iterable<LabelTest> {
  if (where.field === undefined) return;
  const at = dimensions.indexOf(where.field);
  const { eq, ne, prefix, exists } = where;
  if (eq !== undefined) yield (labels) => labels[at] === eq;
  if (ne !== undefined) yield (labels) => labels[at] !== ne;
  if (where.in !== undefined) {
    const values = new Set<string | null | undefined>(where.in);
    yield (labels) => values.has(labels[at]);
  }
  if (prefix !== undefined) yield (labels) => labels[at]?.startsWith(prefix) === true;
  for (const part of RANGE) {
    const bound = where[part];
    if (bound !== undefined) yield rangeTest(at, part, bound);
  }
  if (exists !== undefined) yield (labels) => (labels[at] !== null) === exists;
}

const HOLDS: Readonly<Record<(typeof RANGE)[number], (order: number) => boolean>> = {
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
};

function rangeTest(at: number, part: (typeof RANGE)[number], bound: Bound): LabelTest {
  const holds = HOLDS[part];
  if (typeof bound === 'number') {
    return (labels) => {
      const number = numberInText(labels[at] ?? '');
      return number !== undefined && holds(number - bound);
    };
  }
  // Bytes of UTF-8 are in the order of code points, as DuckDB has it; units of UTF-16 are not.
  const bytes = Buffer.from(bound);
  // The series of all labels for which there was no room is in no range: its label is no value.
  return (labels) => {
    const label = labels[at];
    if (typeof label !== 'string' || label === OVERFLOW_LABEL) return false;
    return holds(Buffer.compare(Buffer.from(label), bytes));
  };
}
