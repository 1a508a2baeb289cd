/** Numbers as texts: which labels are numbers, in JavaScript and in SQL alike. */

/** How JavaScript's `String` writes a finite number, as a regular expression that DuckDB knows, too. */
export const NUMBER_TEXT = '-?(0|[1-9][0-9]*)([.][0-9]+)?(e[+-][0-9]+)?';

const WHOLE = new RegExp(`^(?:${NUMBER_TEXT})$`);

/** Undefined where the text is not how a number is written: `007`, `1,5` and ` 1` are none. */
export const numberInText = (text: string): number | undefined =>
  WHOLE.test(text) ? Number(text) : undefined;
