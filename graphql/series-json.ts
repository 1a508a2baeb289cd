/**
 * The series of an answer as JSON, written one by one as they are cut. `JSON.stringify` would write them in one go at the end,
 * which holds the thread, and the times of a step once for each series: of columns that is most of the text.
 */

/** Part of a result that is JSON already. `stringifyResult` puts it in as it is. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class SeriesWriter {
  readonly #written: string[] = [];
  /** Of arrays that series share. */
  readonly #times = new Map<readonly number[], string>();

  /** @param cut what the selection keeps of a series */
  add(cut: object): void {
    this.#written.push(writeFields(cut, (value) => this.#value(value)));
  }

  end(): JsonText {
    return new JsonText(`[${this.#written.join()}]`);
  }

  /** All but columns are texts, null, and arrays. */
  #value(value: unknown): string {
    return isObject(value) ? writeFields(value, (each) => this.#column(each)) : jsonOf(value);
  }

  #column(column: unknown): string {
    if (column instanceof JsonText) return column.text;
    return areNumbers(column) ? this.#shared(column) : jsonOf(column);
  }

  #shared(times: readonly number[]): string {
    const known = this.#times.get(times);
    if (known !== undefined) return known;
    // Finite numbers as `JSON.stringify` writes them, in a third of the time: V8 remembers texts of numbers here.
    const text = `[${times.join()}]`;
    this.#times.set(times, text);
    return text;
  }
}

/** As `JSON.stringify` writes a result of an operation, whose root fields may have fields that are `JsonText`. */
export function stringifyResult({ data, ...rest }: { readonly data?: unknown }): string {
  const others = jsonOf(rest);
  if (data === undefined) return others;
  const written = isObject(data) ? writeFields(data, writeRoot) : jsonOf(data);
  return others === '{}' ? `{"data":${written}}` : `${others.slice(0, -1)},"data":${written}}`;
}

const writeRoot = (field: unknown): string =>
  isObject(field) ? writeFields(field, writeLeaf) : jsonOf(field);

const writeLeaf = (value: unknown): string =>
  value instanceof JsonText ? value.text : jsonOf(value);

const writeFields = (object: object, write: (value: unknown) => string): string =>
  `{${Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}:${write(value)}`)
    .join()}}`;

const jsonOf = (value: unknown): string => JSON.stringify(value) ?? 'null';

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first tells: no column has numbers beside arrays or null beside times. */
const areNumbers = (column: unknown): column is readonly number[] =>
  Array.isArray(column) && typeof column[0] === 'number';
