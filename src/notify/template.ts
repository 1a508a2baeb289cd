/** Templates, rendered: a function of template and data, with bounds on its work and on what it makes. */
import { err, ok, type Result } from '../model/result.ts';
import { formatDuration, formatNumber } from './formats.ts';
import { RENDER_STEPS_MAX, RENDERED_CHARS_MAX } from './limits.ts';
import type { Filter, Operand, Piece, Template, Test } from './template-syntax.ts';
import { parseTemplate } from './template-syntax.ts';

/** What a `path` may lead to. Only own properties are ever looked at. */
export type View = { readonly [name: string]: unknown };

/** Reads and renders in one; the error says what for and where. */
export function filledIn(template: string, view: View, what: string): Result<string, string> {
  const parsed = parseTemplate(template);
  if (parsed.ok) {
    const rendered = render(parsed.value, view);
    return rendered.ok ? rendered : err(`${what}: ${rendered.error}`);
  }
  const { line, column, message } = parsed.error;
  return err(`${what}: line ${line}, column ${column}: ${message}`);
}

class TooMuch extends Error {}

/** Fails only on the bounds. A path that leads nowhere is empty text, and `null` to the json filter. */
export function render(template: Template, view: View): Result<string, string> {
  const work = { steps: 0, chars: 0 };
  try {
    return ok(renderPieces(template, [{ '@root': view }, view], work));
  } catch (error) {
    if (error instanceof TooMuch) return err(error.message);
    throw error;
  }
}

interface Work {
  steps: number;
  chars: number;
}
/** What names are looked up in, the innermost last. */
type Scopes = readonly unknown[];

function renderPieces(pieces: readonly Piece[], scopes: Scopes, work: Work): string {
  let text = '';
  for (const piece of pieces) {
    step(work);
    text += renderPiece(piece, scopes, work);
  }
  return text;
}

function renderPiece(piece: Piece, scopes: Scopes, work: Work): string {
  switch (piece.kind) {
    case 'text':
      return made(piece.text, work);
    case 'value':
      return made(filtered(lookUp(piece.of, scopes), piece.filter), work);
    case 'json':
      return made(JSON.stringify(renderPieces(piece.body, scopes, work)), work);
    case 'if':
      return renderPieces(holds(piece.test, scopes) ? piece.body : piece.else, scopes, work);
    case 'each': {
      const entries = entriesOf(lookUp(piece.over, scopes));
      if (entries.length === 0) return renderPieces(piece.else, scopes, work);
      let text = '';
      for (const [index, [key, value]] of entries.entries()) {
        step(work);
        const pass = {
          this: value,
          '@index': index,
          '@key': key,
          '@first': index === 0,
          '@last': index === entries.length - 1,
        };
        text += renderPieces(piece.body, [...scopes, pass, value], work);
      }
      return text;
    }
  }
}

function step(work: Work): void {
  work.steps += 1;
  if (work.steps > RENDER_STEPS_MAX) {
    throw new TooMuch(`the template takes more than ${RENDER_STEPS_MAX} steps`);
  }
}

function made(text: string, work: Work): string {
  work.chars += text.length;
  if (work.chars > RENDERED_CHARS_MAX) {
    throw new TooMuch(`the template makes more than ${RENDERED_CHARS_MAX} characters`);
  }
  return text;
}

function holds({ left, right, negated }: Test, scopes: Scopes): boolean {
  const value = lookUp(left, scopes);
  const met =
    right === undefined ? isSomething(value) : textOf(value) === textOf(lookUp(right, scopes));
  return met !== negated;
}

/** False for what is missing, empty, or zero: counts are asked for that way more often than values are. */
function isSomething(value: unknown): boolean {
  return typeof value === 'object' && value !== null
    ? Object.keys(value).length > 0
    : Boolean(value);
}

function lookUp(operand: Operand, scopes: Scopes): unknown {
  if ('text' in operand) return operand.text;
  const [first = '', ...rest] = operand.path;
  const scope = scopes.findLast((candidate) => own(candidate, first) !== undefined);
  return rest.reduce(own, own(scope, first));
}

function own(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name))
    return undefined;
  return Reflect.get(holder, name);
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function filtered(value: unknown, filter: Filter | undefined): string {
  switch (filter) {
    case undefined:
      return textOf(value);
    case 'json':
      return JSON.stringify(value ?? null);
    case 'url':
      return encodeURIComponent(textOf(value).toWellFormed());
    case 'duration':
      return typeof value === 'number' ? formatDuration(value) : textOf(value);
    case 'number':
      return typeof value === 'number' ? formatNumber(value) : textOf(value);
    case 'upper':
      return textOf(value).toUpperCase();
    case 'lower':
      return textOf(value).toLowerCase();
  }
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
