/** Conditions on labels: what a query keeps of a rollup's series. */
import { AppError } from '../model/errors.ts';
import { WHERE_DEPTH_MAX, WHERE_TERMS_MAX } from './limits.ts';

/** All parts that are given must hold. The parts besides `field`, `and`, `or` and `not` judge the value of `field`. */
export interface Where {
  readonly field?: string;
  readonly eq?: string;
  readonly ne?: string;
  readonly in?: readonly string[];
  readonly prefix?: string;
  /** True: the event had the field. False: it had not. */
  readonly exists?: boolean;
  readonly and?: readonly Where[];
  readonly or?: readonly Where[];
  readonly not?: Where;
}

/** A series' labels in the order of the rollup's dimensions; null where its events had no such field. */
export type Labels = readonly (string | null)[];
export type LabelTest = (labels: Labels) => boolean;

/** The fields that a condition reads. Throws `query_invalid` if the condition is too large or says nothing. */
export function fieldsOf(where: Where | undefined): ReadonlySet<string> {
  const fields = new Set<string>();
  const terms = { left: WHERE_TERMS_MAX };
  if (where !== undefined) visit(where, 1, fields, terms);
  return fields;
}

function visit(where: Where, depth: number, fields: Set<string>, terms: { left: number }): void {
  terms.left -= 1 + (where.in?.length ?? 0);
  if (depth > WHERE_DEPTH_MAX || terms.left < 0) {
    throw new AppError(
      'query_invalid',
      `a condition may nest ${WHERE_DEPTH_MAX} deep and have ${WHERE_TERMS_MAX} parts and values`,
    );
  }
  const judgesValue = [where.eq, where.ne, where.in, where.prefix, where.exists].some(
    (part) => part !== undefined,
  );
  if (judgesValue !== (where.field !== undefined)) {
    throw new AppError(
      'query_invalid',
      judgesValue
        ? 'a condition with eq, ne, in, prefix or exists must name its field'
        : `the condition on "${where.field}" needs one of eq, ne, in, prefix, exists`,
    );
  }
  if (where.field !== undefined) fields.add(where.field);
  for (const part of [...(where.and ?? []), ...(where.or ?? [])]) {
    visit(part, depth + 1, fields, terms);
  }
  if (where.not !== undefined) visit(where.not, depth + 1, fields, terms);
}

/**
 * The condition as a function. An absent field equals nothing: `eq`, `in` and `prefix` are false on it and
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
  if (exists !== undefined) yield (labels) => (labels[at] !== null) === exists;
}
