/**
 * Events as lines of text, composed by DuckDB: NDJSON that can be sent to a server again, and CSV as RFC 4180 has it. A
 * field is one value of a line, wherever the files have it: in a column of each of its kinds, or among the rare fields.
 */
import { COLUMN_KIND, type ColumnKind } from '../../src/model/columns.ts';
import { FORMULA } from '../../src/model/formula.ts';
import type { SchemaColumn, StreamSchema } from '../../src/model/stream-schema.ts';
import { identifier, literal } from '../../storage/segments/segment-columns.ts';

/** What is not a field of the stream. `more` is all rare fields. */
const OWN = ['id', 'ts', 'type', 'more', '_arrival', '_partition', '_position', '_row'] as const;
type Own = (typeof OWN)[number];

/** A part of every line. */
type LinePart =
  | { readonly type: 'own'; readonly name: Own }
  | {
      readonly type: 'field';
      readonly name: string;
      readonly columns: readonly SchemaColumn[];
      /** It is looked for among the rare fields too: a whole line has those anyway. */
      readonly isNamed: boolean;
    };

/** `columns`: names in the order that is wanted; undefined: everything that was sent. */
export function lineParts(
  schema: StreamSchema,
  columns: readonly string[] | undefined,
): LinePart[] {
  const byField = new Map<string, SchemaColumn[]>();
  for (const column of schema.columns) {
    const others = byField.get(column.field);
    if (others === undefined) byField.set(column.field, [column]);
    else others.push(column);
  }
  const own = (name: Own): LinePart => ({ type: 'own', name });
  if (columns === undefined) {
    const fields = [...byField].map(
      ([name, some]): LinePart => ({ type: 'field', name, columns: some, isNamed: false }),
    );
    return [own('id'), own('ts'), own('type'), ...fields, own('more')];
  }
  return columns.map((name) => {
    const found = OWN.find((each) => each === name);
    if (found !== undefined) return own(found);
    return { type: 'field', name, columns: byField.get(name) ?? [], isNamed: true };
  });
}

/** A value's place in the statement; it is handed over apart from its text. */
type Bind = (value: string) => string;

/** Null is not written: to a server the two are the same. */
export function jsonLine(parts: readonly LinePart[], bind: Bind): string {
  const members = parts.map((part) => {
    if (part.type === 'own' && part.name === 'more') return `nullif(${RARE_MEMBERS}, '')`;
    return `${bind(`${JSON.stringify(part.name)}:`)}::VARCHAR || ${jsonValue(part, bind)}`;
  });
  return `'{' || concat_ws(',', ${members.join(', ')}) || '}'`;
}

/** With the CR of its end, whose LF is written with the line. */
export function csvLine(parts: readonly LinePart[], escapesFormulas: boolean, bind: Bind): string {
  const cells = parts.map((part) => `coalesce(${csvValue(part, escapesFormulas, bind)}, '')`);
  return `concat_ws(',', ${cells.join(', ')}) || chr(13)`;
}

/** Names come from senders as values do. */
export function csvHeader(
  parts: readonly LinePart[],
  escapesFormulas: boolean,
  bind: Bind,
): string {
  const cells = parts.map(({ name }) => csvText(`${bind(name)}::VARCHAR`, escapesFormulas));
  return `concat_ws(',', ${cells.join(', ')}) || chr(13)`;
}

const RARE_MEMBERS = `array_to_string(list_transform(map_entries("more"),
  lambda e: to_json(e.key) || ':' || to_json(e.value)), ',')`;

function jsonValue(part: LinePart, bind: Bind): string {
  if (part.type === 'own') {
    const text = ownText(part.name);
    return isPlace(part.name) ? text : `to_json(${text})::VARCHAR`;
  }
  return firstOf(part, bind, (text, kind) =>
    kind === COLUMN_KIND.string ? `to_json(${text})::VARCHAR` : text,
  );
}

function csvValue(part: LinePart, escapesFormulas: boolean, bind: Bind): string {
  if (part.type === 'own') {
    const text = ownText(part.name);
    return isTime(part.name) || isPlace(part.name) ? text : csvText(text, escapesFormulas);
  }
  return firstOf(part, bind, (text, kind) =>
    kind === COLUMN_KIND.string ? csvText(text, escapesFormulas) : text,
  );
}

const isTime = (name: Own): boolean => name === 'ts' || name === '_arrival';
const isPlace = (name: Own): boolean => ['_partition', '_position', '_row'].includes(name);

function ownText(name: Own): string {
  switch (name) {
    case 'id':
    case 'type':
      return identifier(name);
    case 'ts':
    case '_arrival':
      return `strftime(${identifier(name)}, '%Y-%m-%dT%H:%M:%S.%gZ')`;
    case 'more':
      return `'{' || nullif(${RARE_MEMBERS}, '') || '}'`;
    case '_partition':
    case '_position':
    case '_row':
      return `${identifier(name)}::VARCHAR`;
  }
}

/** An event has a field once: at most one of its places has a value. */
function firstOf(
  { name, columns, isNamed }: Extract<LinePart, { readonly type: 'field' }>,
  bind: Bind,
  written: (text: string, kind: ColumnKind) => string,
): string {
  const places = columns.map(({ name: column, kind }) => written(textOf(column, kind), kind));
  if (isNamed) {
    places.push(written(`"more"[${bind(name)}::VARCHAR]`, COLUMN_KIND.string));
  }
  return `coalesce(${places.join(', ')})`;
}

/** A whole number is written without a point, as applications do. */
function textOf(column: string, kind: ColumnKind): string {
  const value = identifier(column);
  if (kind === COLUMN_KIND.string) return value;
  if (kind === COLUMN_KIND.boolean) return `${value}::VARCHAR`;
  return `CASE WHEN ${value} = trunc(${value}) AND abs(${value}) <= 9007199254740991
    THEN ${value}::BIGINT::VARCHAR ELSE ${value}::VARCHAR END`;
}

/** Some separate cells by semicolon or tab, whatever the file's name says: in quotes those are no separators either. */
const QUOTED = '[",;\\t\\r\\n]';

function csvText(text: string, escapesFormulas: boolean): string {
  const safe = escapesFormulas
    ? `CASE WHEN regexp_matches(${text}, ${literal(FORMULA)}) THEN '''' || ${text} ELSE ${text} END`
    : text;
  return `CASE WHEN ${text} = '' OR regexp_matches(${text}, ${literal(QUOTED)})
    THEN '"' || replace(${safe}, '"', '""') || '"' ELSE ${safe} END`;
}
