/**
 * The path that takes every line: `JSON.parse`, flattened into an `EventDraft`. It defines what a line means; the
 * shape path must agree with it wherever it takes a line at all.
 */
import { isUtf8 } from 'node:buffer';
import type { EventDraft, Fault } from './event-draft.ts';
import { skipSpace, skipSpaceBack } from './json-body.ts';
import { tooDeep } from './limit-faults.ts';
import type { DecodeLimits } from './limits.ts';

/** Characters of V8's own words about broken JSON that are passed on. */
const SYNTAX_DETAIL_MAX = 120;

const OPENING_BRACE = 0x7b;
/** First bytes of what may be JSON but is no object. */
const STARTS_A_VALUE = new Set(Buffer.from('["-0123456789'));
const LITERALS = new Set(['null', 'true', 'false']);
const NOT_AN_OBJECT: Fault = { code: 'not_an_object' };
const NOT_JSON: Fault = { code: 'invalid_json', detail: 'expected "{" first' };

/** Reads the JSON text `[from, to)` into `draft`; what stands in the way, if anything. */
export function readJson(
  bytes: Buffer,
  from: number,
  to: number,
  draft: EventDraft,
  limits: DecodeLimits,
): Fault | undefined {
  if (!isUtf8(bytes.subarray(from, to))) return { code: 'invalid_utf8' };
  const start = skipSpace(bytes, from, to);
  if (bytes[start] !== OPENING_BRACE || start === to) return noObject(bytes, start, to);
  let value: unknown;
  const { stackTraceLimit } = Error;
  try {
    // Where the decoder is called from tells nobody anything, and costs more than the parsing.
    Error.stackTraceLimit = 0;
    // V8 keeps its own stack while it parses, so that no nesting overflows the machine's.
    value = JSON.parse(bytes.toString('utf8', from, to));
  } catch (error) {
    return {
      code: 'invalid_json',
      detail: (error as SyntaxError).message.slice(0, SYNTAX_DETAIL_MAX),
    };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  if (!isObject(value)) return NOT_AN_OBJECT;
  draft.start();
  return flatten(value, '', 1, draft, limits);
}

/** A flood of such lines must cost nothing, so it is told without parsing; `start` is behind the white space. */
function noObject(bytes: Buffer, start: number, to: number): Fault {
  if (STARTS_A_VALUE.has(bytes[start] as number) && start < to) return NOT_AN_OBJECT;
  // The longest literal has 5 bytes.
  const end = skipSpaceBack(bytes, start, to);
  const isLiteral = end - start <= 5 && LITERALS.has(bytes.toString('latin1', start, end));
  return isLiteral ? NOT_AN_OBJECT : NOT_JSON;
}

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `JSON.parse` makes own properties of all names, `__proto__` too, and they are read as such. */
function flatten(
  object: JsonObject,
  prefix: string,
  depth: number,
  draft: EventDraft,
  limits: DecodeLimits,
): Fault | undefined {
  if (depth > limits.depthMax) return tooDeep(limits);
  for (const key of Object.keys(object)) {
    const name = depth === 1 ? key : `${prefix}.${key}`;
    const fault = addValue(name, object[key], depth, draft, limits);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function addValue(
  name: string,
  value: unknown,
  depth: number,
  draft: EventDraft,
  limits: DecodeLimits,
): Fault | undefined {
  switch (typeof value) {
    case 'string':
      return draft.addString(name, value);
    case 'number':
      return draft.addNumber(name, value);
    case 'boolean':
      return draft.addBoolean(name, value);
    default:
      break;
  }
  if (value === null) return draft.addNull(name);
  const fault = draft.nestedRoleFault(name);
  if (fault !== undefined) return fault;
  if (isObject(value)) return flatten(value, name, depth + 1, draft, limits);
  const faultInside = judgeArray(value, depth + 1, limits, name);
  return faultInside ?? draft.addString(name, JSON.stringify(value));
}

/** `JSON.stringify` recurses and writes infinities as null: neither may be met. */
function judgeArray(
  value: unknown,
  depth: number,
  limits: DecodeLimits,
  name: string,
): Fault | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { code: 'number_out_of_range', detail: name };
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > limits.depthMax) return tooDeep(limits);
  for (const element of Object.values(value)) {
    const fault = judgeArray(element, depth + 1, limits, name);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
