/** What an export is asked for, as text in a URL or as JSON. */
import { coerceInputValue, isInputType, validateInputValue } from 'graphql';
import { AppError } from '../src/model/errors.ts';
import { type EventWhere, EXPORT_FORMATS, type ExportFormat } from '../src/query/cold/cold-port.ts';
import type { ExportRequest } from '../src/query/cold/cold-queries.ts';
import { EXPORT_COLUMNS_MAX } from '../src/query/cold/limits.ts';
import { parseTimestamp } from '../src/query/time.ts';
import { isTooDeep, VALUE_DEPTH_MAX } from './limits.ts';
import { given } from './resolvers/arguments.ts';
import { eventTimes, type WhereArgs, whereOf } from './resolvers/events.ts';
import { schema } from './schema.ts';

const PARAMETERS = [
  'stream',
  'from',
  'to',
  'format',
  'where',
  'contains',
  'columns',
  'formulas',
  'position',
] as const;
type Parameters = { readonly [Name in (typeof PARAMETERS)[number]]?: unknown };

/** Throws `query_invalid` with what was expected. */
export function exportRequest(
  parameters: Parameters,
  tenant: string,
  takesGzip: boolean,
): ExportRequest {
  demandKnown(parameters, PARAMETERS);
  demandShallow(parameters);
  const { stream, from, to, where, contains, columns, position } = parameters;
  const format = formatOf(parameters.format);
  return {
    tenant,
    stream: textOf('stream', stream) ?? 'events',
    ...eventTimes(timeOf('from', from), timeOf('to', to)),
    format,
    ...given('where', whereIn(where)),
    ...given('contains', textOf('contains', contains)),
    ...given('columns', columnsIn(columns)),
    ...given('position', textOf('position', position)),
    escapesFormulas: escapesFormulas(parameters.formulas),
    // Parquet is compressed as it is.
    gzip: takesGzip && format !== 'parquet',
  };
}

/** Throws `query_invalid`. */
export function demandKnown(parameters: object, names: readonly string[]): void {
  const unknown = Object.keys(parameters).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw invalid(`there is no parameter "${unknown}"; there are ${names.join(', ')}`);
}

function formatOf(value: unknown): ExportFormat {
  const found = EXPORT_FORMATS.find((format) => format === (value ?? 'ndjson'));
  if (found !== undefined) return found;
  throw expected('format', `one of ${EXPORT_FORMATS.join(', ')}`, value);
}

export function textOf(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw expected(name, 'a text', value);
}

export function timeOf(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const timeMs = parseTimestamp(value);
  if (timeMs !== undefined) return timeMs;
  const example = '"2026-05-01T12:00:00Z"';
  throw expected(name, `epoch milliseconds or an RFC 3339 date-time such as ${example}`, value);
}

function whereIn(value: unknown): EventWhere | undefined {
  if (value === undefined) return undefined;
  const type = schema.getType('EventWhere');
  if (!isInputType(type)) throw new Error('the schema has an input type EventWhere');
  const condition = typeof value === 'string' ? parseJson(value) : value;
  // To the schema it is a condition that was left out.
  if (condition === null) throw expected('where', CONDITION, condition);
  demandShallow(condition);
  validateInputValue(condition, type, (error, path) => {
    throw invalid(`"${['where', ...path].join('.')}": ${error.message}`);
  });
  return whereOf(coerceInputValue(condition, type) as WhereArgs);
}

const CONDITION = 'a condition as JSON, such as {"field":"user","eq":"u1"}';

function demandShallow(value: unknown): void {
  if (isTooDeep(value)) throw invalid(`parameters may nest ${VALUE_DEPTH_MAX} deep`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw expected('where', CONDITION, text);
  }
}

function columnsIn(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const names: unknown = typeof value === 'string' ? value.split(',') : value;
  const isList =
    Array.isArray(names) &&
    names.length > 0 &&
    names.length <= EXPORT_COLUMNS_MAX &&
    names.every((name) => typeof name === 'string' && name !== '');
  if (isList && new Set(names).size === names.length) return names;
  throw expected(
    'columns',
    `1 to ${EXPORT_COLUMNS_MAX} different names with commas between`,
    value,
  );
}

function escapesFormulas(value: unknown): boolean {
  if (value === undefined || value === 'escape' || value === 'keep') return value !== 'keep';
  throw expected('formulas', '"escape" or "keep"', value);
}

const RECEIVED_LENGTH_MAX = 200;

const expected = (name: string, what: string, received: unknown): AppError =>
  invalid(
    `"${name}" must be ${what}, received ${JSON.stringify(received).slice(0, RECEIVED_LENGTH_MAX)}`,
  );

const invalid = (message: string): AppError => new AppError('query_invalid', message);
