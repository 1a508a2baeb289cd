/**
 * Judges a statement by its tree, as DuckDB's own parser writes it: what is not known to be harmless is refused. It reads
 * streams by their names and what the statement itself defines, and calls functions of a list.
 */
import { AppError } from '../../src/model/errors.ts';
import { isStreamName, STREAM_NAME_RULE } from '../../src/model/stream-name.ts';
import { SQL_DEPTH_MAX, SQL_STREAMS_MAX } from './limits.ts';
import { FUNCTIONS, TABLE_FUNCTIONS } from './sql-functions.ts';

/** Every other kind of table or query is refused: SHOW_REF, PIVOT, and what newer versions bring. */
const QUERIES = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE']);
const TABLES = new Set(['JOIN', 'SUBQUERY', 'EXPRESSION_LIST', 'EMPTY']);
const EXPRESSIONS = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COLUMN_REF',
  'COMPARISON',
  'CONJUNCTION',
  'CONSTANT',
  'FUNCTION',
  'LAMBDA',
  'LAMBDA_REF',
  'OPERATOR',
  'POSITIONAL_REFERENCE',
  'STAR',
  'SUBQUERY',
  'WINDOW',
]);
/** Parts of queries that are neither. */
const PARTS = new Set([
  'DISTINCT_MODIFIER',
  'LIMIT_MODIFIER',
  'LIMIT_PERCENT_MODIFIER',
  'ORDER_MODIFIER',
  'ORDER_DEFAULT',
  'ASCENDING',
  'DESCENDING',
]);

/** What DuckDB tells about itself has such names; nothing else may be taken for it. */
const OF_DUCKDB = /^(duckdb|pg|pragma|sqlite)_/;

/** Names that a query defines, in lower case: DuckDB takes them so. */
type Scope = ReadonlySet<string>;
type Tree = Readonly<Record<string, unknown>>;

/** The streams that the statement reads. Throws `query_invalid` with the reason if it is refused. */
export function streamsRead(serialized: string): string[] {
  const { error, error_message: message, position, statements } = record(treeOf(serialized));
  if (error === true) throw refused(reasonOf(String(message)), position);
  const [statement, ...others] = list(statements);
  if (statement === undefined || others.length > 0) {
    throw refused(`expected one SELECT, received ${list(statements).length} statements`);
  }
  const judge = new Judge();
  judge.visit(record(statement)['node'], new Set(), 1);
  return [...judge.streams];
}

/** DuckDB writes a constant that is past all doubles as `Infinity`, which JSON does not have. */
function treeOf(serialized: string): unknown {
  try {
    return JSON.parse(serialized);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refused(
      "it has a constant that no number holds: they end at about 1.8e308; infinity is written 'Infinity'::DOUBLE",
    );
  }
}

class Judge {
  readonly streams = new Set<string>();

  visit(node: unknown, scope: Scope, depth: number): void {
    if (depth > SQL_DEPTH_MAX) throw refused('the statement nests too deep');
    if (Array.isArray(node)) {
      for (const each of node) this.visit(each, scope, depth + 1);
    } else if (typeof node === 'object' && node !== null) {
      this.#object(record(node), scope, depth);
    }
  }

  #object(node: Tree, scope: Scope, depth: number): void {
    const { class: expression, type } = node;
    // A value is no more than that, whatever is in it.
    if (expression === 'CONSTANT') return;
    if (type === 'BASE_TABLE') {
      this.#table(node, scope);
      return;
    }
    if (typeof expression !== 'string' && typeof type === 'string' && QUERIES.has(type)) {
      this.#query(node, scope, depth);
      return;
    }
    if (typeof expression === 'string') this.#expression(node, expression);
    else if (type === 'TABLE_FUNCTION') this.#tableFunction(node);
    else if (typeof type === 'string' && !TABLES.has(type) && !PARTS.has(type)) {
      throw refused(`${type.replace('_REF', '')} is not answered here`, node['query_location']);
    }
    for (const [key, part] of Object.entries(node)) {
      if (key !== 'cast_type') this.visit(part, scope, depth + 1);
    }
  }

  /** Each name that WITH defines is known behind its definition; in it only if it is recursive. */
  #query(node: Tree, outer: Scope, depth: number): void {
    const scope = new Set(outer);
    for (const entry of list(record(node['cte_map'] ?? {})['map'])) {
      const { key, value } = record(entry);
      this.visit(value, scope, depth + 1);
      const name = String(key).toLowerCase();
      if (OF_DUCKDB.test(name)) throw refused(`WITH must not define "${name}"`);
      scope.add(name);
    }
    const { cte_name: itself } = node;
    for (const [key, part] of Object.entries(node)) {
      if (key === 'cte_map') continue;
      const isRecursion = key === 'right' && typeof itself === 'string';
      const inner = isRecursion ? new Set([...scope, itself.toLowerCase()]) : scope;
      this.visit(part, inner, depth + 1);
    }
  }

  #table(node: Tree, scope: Scope): void {
    const { catalog_name: catalog, schema_name: schema, table_name: name, at_clause: at } = node;
    const at0 = node['query_location'];
    if (typeof name !== 'string' || at !== null) throw refused('a table is a stream', at0);
    if (catalog !== '' || schema !== '') {
      const path = [catalog, schema, name].filter((part) => part !== '').join('.');
      throw refused(`there is no ${path}: write a stream whose name has a dot in quotes`, at0);
    }
    if (scope.has(name.toLowerCase())) return;
    if (!isStreamName(name)) throw refused(STREAM_NAME_RULE, at0);
    this.streams.add(name);
    if (this.streams.size > SQL_STREAMS_MAX) {
      throw refused(`a statement may read ${SQL_STREAMS_MAX} streams`, at0);
    }
  }

  #tableFunction(node: Tree): void {
    const call = record(node['function']);
    const { function_name: name, catalog, schema, query_location: at } = call;
    const isKnown = typeof name === 'string' && TABLE_FUNCTIONS.has(name.toLowerCase());
    if (isKnown && isOwn(catalog, schema)) return;
    const allowed = [...TABLE_FUNCTIONS].join(', ');
    throw refused(`FROM ${String(name)}(…) is not answered here: only ${allowed} are`, at);
  }

  #expression(node: Tree, expression: string): void {
    const { query_location: at } = node;
    if (!EXPRESSIONS.has(expression)) throw refused(`${expression} is not answered here`, at);
    if (expression !== 'FUNCTION' && expression !== 'WINDOW') return;
    const { function_name: name, catalog, schema } = node;
    const isKnown = typeof name === 'string' && isCallable(name.toLowerCase());
    if (isKnown && isOwn(catalog, schema)) return;
    throw refused(`the function ${String(name)} is not answered here`, at);
  }
}

/** DuckDB's parser writes `main` before functions that stand for syntax. */
const isOwn = (catalog: unknown, schema: unknown): boolean =>
  catalog === '' && (schema === '' || schema === 'main');

/** A table function's own call is judged as such before. */
const isCallable = (name: string): boolean => FUNCTIONS.has(name) || TABLE_FUNCTIONS.has(name);

const reasonOf = (message: string): string =>
  message.startsWith('Only SELECT') ? 'expected a SELECT: nothing can be changed here' : message;

/** Where DuckDB does not know a place, it says the greatest number. */
function refused(reason: string, position?: unknown): AppError {
  const at = typeof position === 'string' || typeof position === 'number' ? Number(position) : -1;
  const place = at >= 0 && at < Number.MAX_SAFE_INTEGER ? ` (at character ${at + 1})` : '';
  return new AppError('query_invalid', `the statement is refused: ${reason}${place}`);
}

const record = (value: unknown): Tree => {
  if (typeof value !== 'object' || value === null) throw refused('it has no tree');
  return { ...value };
};

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
