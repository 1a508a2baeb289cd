/** Whether a rollup holds what a query asks for: its dimensions, measures and filter against the query's. */
import { groupOf } from '../aggregate/layout.ts';
import type { RollupDefinition, RollupFilter } from '../model/rollup.ts';
import { describeStored, isMeasure, storedMeasure, type TimeseriesRequest } from './request.ts';
import { fieldsOf, type Where } from './where.ts';

/** What the rollup lacks to answer the request, in words; empty if it can. */
export function lacksOf(rollup: RollupDefinition, request: TimeseriesRequest): string[] {
  const lacks: string[] = [];
  const conditions = conjunctsOf(request.where);
  for (const filter of rollup.filter) {
    if (!conditions.some((condition) => implies(condition, filter))) {
      lacks.push(`events other than ${filter.field} in (${filter.in.join(', ')})`);
    }
  }
  const measures = request.measures.filter(isMeasure);
  const judged = [request, ...measures].map(({ where }) => remainingWhere(rollup, where));
  const wanted = new Set([...request.groupBy, ...judged.flatMap((where) => [...fieldsOf(where)])]);
  for (const field of wanted) {
    if (!rollup.dimensions.includes(field)) lacks.push(`dimension "${field}"`);
  }
  for (const measure of measures) {
    const stored = storedMeasure(measure);
    if (groupOf(rollup, stored) === undefined) lacks.push(`measure ${describeStored(stored)}`);
  }
  return lacks;
}

/** The condition without the parts that the rollup's own filter already guarantees. */
export function remainingWhere(
  rollup: RollupDefinition,
  where: Where | undefined,
): Where | undefined {
  const rest = conjunctsOf(where).filter(
    (condition) => !rollup.filter.some((filter) => isSameAs(condition, filter)),
  );
  return rest.length === 0 ? undefined : { and: rest };
}

/** The parts that must all hold, each judging one thing. */
function conjunctsOf(where: Where | undefined): Where[] {
  if (where === undefined) return [];
  const { field, eq, ne, in: values, prefix, gt, gte, lt, lte, exists, and = [], or, not } = where;
  const parts: Where[] = and.flatMap(conjunctsOf);
  if (field !== undefined) {
    if (eq !== undefined) parts.push({ field, eq });
    if (ne !== undefined) parts.push({ field, ne });
    if (values !== undefined) parts.push({ field, in: values });
    if (prefix !== undefined) parts.push({ field, prefix });
    if (gt !== undefined) parts.push({ field, gt });
    if (gte !== undefined) parts.push({ field, gte });
    if (lt !== undefined) parts.push({ field, lt });
    if (lte !== undefined) parts.push({ field, lte });
    if (exists !== undefined) parts.push({ field, exists });
  }
  if (or !== undefined) parts.push({ or });
  if (not !== undefined) parts.push({ not });
  return parts;
}

const allowedValues = ({ eq, in: values }: Where): readonly string[] | undefined =>
  eq === undefined ? values : [eq];

function implies(condition: Where, filter: RollupFilter): boolean {
  if (condition.field !== filter.field) return false;
  return allowedValues(condition)?.every((value) => filter.in.includes(value)) === true;
}

function isSameAs(condition: Where, filter: RollupFilter): boolean {
  const values = allowedValues(condition);
  return implies(condition, filter) && filter.in.every((value) => values?.includes(value) === true);
}
