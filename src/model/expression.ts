/**
 * Arithmetic between named numbers, such as `100 * errors / all`: read by recursive descent into a tree of plain data, so that
 * threads can hand it to each other. It has numbers (`2.5`, `1e-3`), names, `+ - * /`, a sign and parentheses, and nothing that could run.
 */
import { AppError } from './errors.ts';

/** A name is a place among the numbers that it is computed from. */
export type Term =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'measure'; readonly at: number }
  | {
      readonly kind: 'operation';
      readonly operator: Operator;
      readonly left: Term;
      readonly right: Term;
    };
export type Operator = '+' | '-' | '*' | '/';

/** Characters of one expression: a formula that people can still read. With the depth it bounds what a point costs. */
export const EXPRESSION_LENGTH_MAX = 256;
/** Parentheses and signs within each other: reading and computing recurse as deep. */
export const EXPRESSION_DEPTH_MAX = 16;

const TOKEN = /\s*(?:(\d{1,16}(?:\.\d{1,16})?(?:[eE][+-]?\d{1,2})?)|([A-Za-z_]\w*)|([-+*/()])|$)/y;

/** @param places of each name. Throws `query_invalid` with the place of what is wrong. */
export function parseExpression(text: string, places: ReadonlyMap<string, number>): Term {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    throw new AppError(
      'query_invalid',
      `an expression may have ${EXPRESSION_LENGTH_MAX} characters, received ${text.length}`,
    );
  }
  return new ExpressionReader(text, places).read();
}

/** The places that it reads, each once. */
export function placesOf(term: Term): ReadonlySet<number> {
  switch (term.kind) {
    case 'number':
      return new Set();
    case 'measure':
      return new Set([term.at]);
    case 'operation':
      return new Set([...placesOf(term.left), ...placesOf(term.right)]);
  }
}

class ExpressionReader {
  readonly #text: string;
  readonly #places: ReadonlyMap<string, number>;
  /** The token that is looked at; empty at the end. */
  #token = '';
  #tokenAt = 0;
  #nextAt = 0;
  #depth = 0;

  constructor(text: string, places: ReadonlyMap<string, number>) {
    this.#text = text;
    this.#places = places;
    this.#advance();
  }

  read(): Term {
    const term = this.#sum();
    if (this.#token !== '') throw this.#refused('an operator or the end');
    return term;
  }

  #sum(): Term {
    let left = this.#product();
    for (let operator = this.#operator('+', '-'); operator; operator = this.#operator('+', '-')) {
      left = { kind: 'operation', operator, left, right: this.#product() };
    }
    return left;
  }

  #product(): Term {
    let left = this.#factor();
    for (let operator = this.#operator('*', '/'); operator; operator = this.#operator('*', '/')) {
      left = { kind: 'operation', operator, left, right: this.#factor() };
    }
    return left;
  }

  #factor(): Term {
    const token = this.#token;
    if (token === '(' || token === '-') return this.#nested(token);
    if (/^\d/.test(token)) {
      this.#advance();
      return { kind: 'number', value: Number(token) };
    }
    if (!/^\w/.test(token)) throw this.#refused('a number, a name or "("');
    const at = this.#places.get(token);
    if (at === undefined) throw this.#refused(`one of the names ${this.#names()}`);
    this.#advance();
    return { kind: 'measure', at };
  }

  #nested(token: '(' | '-'): Term {
    if (++this.#depth > EXPRESSION_DEPTH_MAX) {
      throw this.#refused(
        `at most ${EXPRESSION_DEPTH_MAX} parentheses and signs within each other`,
      );
    }
    this.#advance();
    const inner = token === '(' ? this.#sum() : this.#factor();
    this.#depth--;
    if (token === '-') {
      return { kind: 'operation', operator: '-', left: { kind: 'number', value: 0 }, right: inner };
    }
    if (this.#token !== ')') throw this.#refused('an operator or ")"');
    this.#advance();
    return inner;
  }

  #operator<O extends Operator>(...wanted: readonly O[]): O | undefined {
    const found = wanted.find((operator) => operator === this.#token);
    if (found !== undefined) this.#advance();
    return found;
  }

  #advance(): void {
    TOKEN.lastIndex = this.#nextAt;
    const match = TOKEN.exec(this.#text);
    this.#token = match?.slice(1).find((part) => part !== undefined) ?? '';
    this.#nextAt = match === null ? this.#nextAt : TOKEN.lastIndex;
    this.#tokenAt = this.#nextAt - this.#token.length;
    if (match === null) throw this.#refused('a number, a name, an operator or a parenthesis');
  }

  #names(): string {
    return this.#places.size === 0
      ? '(no measure has one: give it "as")'
      : [...this.#places.keys()].join(', ');
  }

  #refused(expected: string): AppError {
    const rest = this.#text.slice(this.#tokenAt).trim();
    const received = this.#token || rest.slice(0, 10);
    const shown = received === '' ? 'its end' : JSON.stringify(received);
    return new AppError(
      'query_invalid',
      `expression "${this.#text}": expected ${expected} at character ${this.#tokenAt + 1}, received ${shown}`,
    );
  }
}
