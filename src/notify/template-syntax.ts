/**
 * The template language, read. It has no expressions, calls or assignments: what a template can do is choose, repeat and
 * quote what a notification holds. (The libraries were looked at: Handlebars compiles to code, Mustache calls what it finds
 * and cannot quote for JSON, Liquid's bounds on work are advice; a template comes from a tenant and runs on the main thread.)
 *
 *     {{path}}  {{filter path}}            filters: json url duration number upper lower
 *     {{#each path}} … {{else}} … {{/each}}      within: this, @index, @key, @first, @last
 *     {{#if path}} … {{else}} … {{/if}}    also  path == "text",  path != other.path,  {{#unless path}}
 *     {{#json}} … {{/json}}                what is rendered within, as one quoted JSON string
 *     {{! comment }}  {{"text"}}
 *
 * False are what is missing or empty, and 0.
 * A path is looked up in the innermost `each` first, then outwards; `@root.` starts at the outermost.
 */
import { err, ok, type Result } from '../model/result.ts';
import { TEMPLATE_CHARS_MAX, TEMPLATE_DEPTH_MAX } from './limits.ts';

export const FILTERS = ['json', 'url', 'duration', 'number', 'upper', 'lower'] as const;
export type Filter = (typeof FILTERS)[number];

export type Operand = { readonly text: string } | { readonly path: readonly string[] };
export interface Test {
  readonly left: Operand;
  readonly right?: Operand;
  /** The branch is taken if the test does not hold. */
  readonly negated: boolean;
}
export type Template = readonly Piece[];
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'value'; readonly of: Operand; readonly filter?: Filter }
  | {
      readonly kind: 'each';
      readonly over: Operand;
      readonly body: Piece[];
      readonly else: Piece[];
    }
  | { readonly kind: 'if'; readonly test: Test; readonly body: Piece[]; readonly else: Piece[] }
  | { readonly kind: 'json'; readonly body: Piece[] };

/** Where a template is wrong; both count from 1. */
export interface TemplateProblem {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** Its alternatives exclude each other, so that a tag that never ends is found out in one pass. */
const TAG = /\{\{(?:!(?:(?!\}\})[\s\S])*|(?:"[^"\n]*"|(?!\}\})[^"])*)\}\}/y;
const OPERAND = /^(?:"([^"]*)"|(@?[A-Za-z_][\w-]*(?:\.[\w-]+|\["[^"]*"\])*))$/;
const SEGMENT = /\["([^"]*)"\]|([@\w-]+)/g;
/** Of a tag: texts in quotes, `==` and `!=`, and whatever else has no space in it. */
const WORD = /(?:[^\s"]*"[^"]*")+[^\s"]*|\S+/g;

/** A block that is not closed yet; `pieces` is where its content goes. */
interface Open {
  readonly name: string;
  readonly start: number;
  pieces: Piece[];
  readonly else?: Piece[];
}

class Wrong extends Error {}

export function parseTemplate(source: string): Result<Template, TemplateProblem> {
  const root: Piece[] = [];
  const open: Open[] = [{ name: '', start: 0, pieces: root }];
  let position = 0;
  try {
    if (source.length > TEMPLATE_CHARS_MAX) {
      throw new Wrong(`a template has at most ${TEMPLATE_CHARS_MAX} characters`);
    }
    for (let textStart = 0; ; ) {
      const start = source.indexOf('{{', textStart);
      const innermost = open.at(-1)!;
      if (start === -1) {
        pushText(innermost.pieces, source.slice(textStart));
        position = innermost.start;
        if (open.length > 1) throw new Wrong(`{{#${innermost.name}}} is not closed`);
        return ok(root);
      }
      position = start;
      TAG.lastIndex = start;
      const [tag = ''] = TAG.exec(source) ?? [];
      if (tag === '') throw new Wrong('"{{" without "}}"; the text itself is written {{"{{"}}');
      const inner = tag.slice(2, -2).trim();
      const line = isMark(inner) ? lineAround(source, start, start + tag.length) : undefined;
      pushText(innermost.pieces, source.slice(textStart, line?.start ?? start));
      if (!inner.startsWith('!')) applyTag(inner, open, start);
      textStart = line?.end ?? start + tag.length;
    }
  } catch (problem) {
    if (!(problem instanceof Wrong)) throw problem;
    const before = source.slice(0, position).split('\n');
    const column = before.at(-1)!.length + 1;
    return err({ message: problem.message, line: before.length, column });
  }
}

const isMark = (inner: string): boolean => /^[#/!]|^else$/.test(inner);

/** The line of a mark that stands alone on it: it goes with the mark, line break included. */
function lineAround(source: string, start: number, end: number) {
  const lineStart = source.lastIndexOf('\n', start - 1) + 1;
  const after = /[ \t]*(?:\r?\n|$)/y;
  after.lastIndex = end;
  const rest = after.exec(source);
  if (rest === null || source.slice(lineStart, start).trim() !== '') return undefined;
  return { start: lineStart, end: end + rest[0].length };
}

function applyTag(inner: string, open: Open[], start: number): void {
  const innermost = open.at(-1)!;
  const words = inner.match(WORD) ?? [];
  const [first = '', ...rest] = words;
  if (first.startsWith('#')) {
    if (open.length > TEMPLATE_DEPTH_MAX) {
      throw new Wrong(`blocks are nested at most ${TEMPLATE_DEPTH_MAX} deep`);
    }
    open.push({
      ...pushBlock(innermost.pieces, first.slice(1), rest),
      name: first.slice(1),
      start,
    });
  } else if (first.startsWith('/')) {
    const name = first.slice(1);
    if (open.length === 1 || name !== innermost.name || rest.length > 0) {
      throw new Wrong(
        `{{${inner}}} closes nothing${innermost.name && `: {{#${innermost.name}}} is open`}`,
      );
    }
    open.pop();
  } else if (inner === 'else') {
    if (innermost.else === undefined || innermost.pieces === innermost.else) {
      throw new Wrong('{{else}} belongs into #if, #unless or #each, once');
    }
    innermost.pieces = innermost.else;
  } else {
    innermost.pieces.push(outputOf(words));
  }
}

function pushBlock(
  into: Piece[],
  name: string,
  words: readonly string[],
): Pick<Open, 'pieces' | 'else'> {
  const body: Piece[] = [];
  const otherwise: Piece[] = [];
  if (name === 'json' && words.length === 0) {
    into.push({ kind: 'json', body });
    return { pieces: body };
  }
  if (name === 'each' && words.length === 1) {
    into.push({ kind: 'each', over: operandOf(words[0]), body, else: otherwise });
  } else if (name === 'if' || name === 'unless') {
    into.push({ kind: 'if', test: testOf(words, name === 'unless'), body, else: otherwise });
  } else {
    throw new Wrong('expected {{#if …}}, {{#unless …}}, {{#each path}} or {{#json}}');
  }
  return { pieces: body, else: otherwise };
}

function testOf(words: readonly string[], unless: boolean): Test {
  const [left, comparison, right] = words;
  if (words.length === 1) return { left: operandOf(left), negated: unless };
  if (words.length !== 3 || (comparison !== '==' && comparison !== '!=')) {
    throw new Wrong('a test is a path, or two of them (or texts) with == or != between');
  }
  const negated = unless !== (comparison === '!=');
  return { left: operandOf(left), right: operandOf(right), negated };
}

function outputOf(words: readonly string[]): Piece {
  const [first, second] = words;
  if (words.length === 1) return { kind: 'value', of: operandOf(first) };
  const filter = FILTERS.find((name) => name === first);
  if (filter === undefined || words.length > 2) {
    throw new Wrong(`expected {{path}} or {{filter path}} with a filter of ${FILTERS.join(', ')}`);
  }
  return { kind: 'value', of: operandOf(second), filter };
}

function operandOf(word = ''): Operand {
  const [matched, text, path = ''] = OPERAND.exec(word) ?? [];
  if (matched === undefined) {
    throw new Wrong(`"${word}" is neither a path like labels.host or labels["a b"] nor a "text"`);
  }
  if (text !== undefined) return { text };
  return { path: [...path.matchAll(SEGMENT)].map(([, quoted, plain]) => quoted ?? plain ?? '') };
}

function pushText(into: Piece[], text: string): void {
  if (text !== '') into.push({ kind: 'text', text });
}
