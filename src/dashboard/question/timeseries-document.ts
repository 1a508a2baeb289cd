/** Questions of `timeseries` as GraphQL documents. Pure. */
import type { MeasureInput, TimeseriesVariables } from './question.ts';

/** Name, type, and what it is if it is not given. */
const ARGUMENTS = [
  ['stream', 'String!'],
  ['from', 'Timestamp'],
  ['to', 'Timestamp'],
  ['last', 'Duration'],
  ['step', 'Duration'],
  ['window', 'Duration'],
  ['measures', '[MeasureInput!]!'],
  ['groupBy', '[String!]! = []'],
  ['where', 'Where'],
  ['limit', 'Int! = 20'],
  ['fill', 'Fill'],
] as const;

const QUALITY = 'from to stepMs rollup watermark restated missingPartitions seriesFound names';
export const VALUES = 'values { value errorBound }';
/** With the heaviest values of `top`. */
export const ENTRIES = 'values { value errorBound entries { value count error } }';
const COMPARED = 'compared { from to restated missingPartitions }';

/** Of a live answer: what changes faster nobody reads, and each message makes every viewer draw. */
export const EVERY = '1s';

const asked = (names: readonly (readonly [string, string])[]): string =>
  names.map(([name]) => `${name}: $${name}`).join(', ');
const declared = (names: readonly (readonly [string, string])[]): string =>
  names.map(([name, type]) => `$${name}: ${type}`).join(', ');

const series = (values: string): string =>
  `series { labels { name value } points { t end ${values} } }`;

/** What is selected of each message of a live answer. */
export const updateOf = (values: string): string =>
  `{ snapshot gap ${QUALITY} ${series(values)} removedSeries { labels { name value } } }`;
/** What is selected of an answer. */
export const answerOf = (values: string): string => `{ source note ${QUALITY} ${series(values)} }`;
/** What is selected of an answer that has an earlier time beside it. */
export const BESIDE_ANSWER = `{ ${COMPARED} series { labels { name value } compared { t ${VALUES} } } }`;

const subscription = (values: string): string => `subscription (${declared(ARGUMENTS)}) {
  timeseries(${asked(ARGUMENTS)}, every: "${EVERY}") ${updateOf(values)}
}`;

/** Kept up to date, from rollups. */
export const LIVE = subscription(VALUES);
/** As `LIVE`, with the heaviest values of `top`. */
export const LIVE_ENTRIES = subscription(ENTRIES);

const query = (values: string): string => `query (${declared(ARGUMENTS)}) {
  timeseries(${asked(ARGUMENTS)}) ${answerOf(values)}
}`;

/** Asked once, of whoever can answer. */
export const ONCE = query(VALUES);
export const ONCE_ENTRIES = query(ENTRIES);

const WITH_COMPARE = [...ARGUMENTS, ['compare', 'Comparison']] as const;

/** Of the series of a range what they were at an earlier time. */
export const BESIDE = `query (${declared(WITH_COMPARE)}) {
  timeseries(${asked(WITH_COMPARE)}) ${BESIDE_ANSWER}
}`;

/** With its arguments in it, to be read, changed and sent by others. */
export function documentOf(variables: TimeseriesVariables): string {
  const { measures, compare } = variables;
  const given = Object.entries(variables).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  const values = measures.some(({ op }: MeasureInput) => op === 'top') ? ENTRIES : VALUES;
  const before = compare === undefined ? '' : ` compared { t before ${VALUES} }`;
  return `{
  timeseries(
${given.map(([name, value]) => `    ${name}: ${literalOf(value, name)}`).join('\n')}
  ) {
    source note from to stepMs rollup watermark complete restated missingPartitions seriesFound names
    series { labels { name value } points { t end ${values} }${before} }${compare === undefined ? '' : `\n    ${COMPARED}`}
  }
}`;
}

/** Whose values are written without quotation marks. */
const ENUMS: readonly string[] = ['op', 'fill', 'compare'];

function literalOf(value: unknown, name: string): string {
  if (ENUMS.includes(name)) return String(value);
  if (Array.isArray(value)) return `[${value.map((each) => literalOf(each, '')).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${fields.map(([key, each]) => `${key}: ${literalOf(each, key)}`).join(', ')}}`;
}
