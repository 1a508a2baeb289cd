/** Checks of JSON that was read from an archive, by hand: says exactly where it is not as it should be. */
import { AppError } from '../../src/model/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Checks one file. `at` names a place in it: `add[3]`, or empty for the whole. */
export class JsonShape {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  parse(bytes: Uint8Array, bytesMax: number): JsonObject {
    if (bytes.length > bytesMax) {
      throw this.corrupt('', `at most ${bytesMax} bytes`, `${bytes.length} bytes`);
    }
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw this.corrupt('', 'JSON', `${bytes.length} bytes that are none (${reason})`);
    }
    return this.asObject(value, '');
  }

  object(of: JsonObject, key: string, at: string): JsonObject {
    return this.asObject(of[key], placeOf(at, key));
  }

  asObject(value: unknown, at: string): JsonObject {
    if (isObject(value)) return value;
    throw this.corrupt(at, 'an object', value);
  }

  /** Calls `item` with each element and its place. */
  list<T>(of: JsonObject, key: string, at: string, item: (value: unknown, at: string) => T): T[] {
    const value = of[key];
    const place = placeOf(at, key);
    if (!Array.isArray(value)) throw this.corrupt(place, 'an array', value);
    return value.map((element, i) => item(element, `${place}[${i}]`));
  }

  /** Zero or more, below 2^53. */
  integer(of: JsonObject, key: string, at: string): number {
    const value = of[key];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.corrupt(placeOf(at, key), 'an integer from 0 to 2^53 - 1', value);
  }

  number(of: JsonObject, key: string, at: string): number {
    const value = of[key];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.corrupt(placeOf(at, key), 'a finite number', value);
  }

  string(of: JsonObject, key: string, at: string, lengthMax: number): string {
    return this.asString(of[key], placeOf(at, key), lengthMax);
  }

  asString(value: unknown, at: string, lengthMax: number): string {
    if (typeof value === 'string' && value.length <= lengthMax) return value;
    throw this.corrupt(at, `a string of at most ${lengthMax} characters`, value);
  }

  oneOf<T extends string | number>(
    of: JsonObject,
    key: string,
    at: string,
    values: readonly T[],
  ): T {
    const value = values.find((known) => known === of[key]);
    if (value !== undefined) return value;
    throw this.corrupt(placeOf(at, key), `one of ${values.join(', ')}`, of[key]);
  }

  corrupt(at: string, expected: string, received: unknown): AppError {
    const place = at === '' ? this.#path : `${at} in ${this.#path}`;
    return new AppError(
      'manifest_corrupt',
      `${place}: expected ${expected}, received ${shown(received)}; restore the file from a copy of the archive`,
      { path: this.#path },
    );
  }
}

const SHOWN_MAX = 100;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const placeOf = (at: string, key: string): string => (at === '' ? key : `${at}.${key}`);

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
