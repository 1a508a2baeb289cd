/** Texts that a spreadsheet takes for something to compute: of events, which come from anywhere, no table may have one that begins so. */

/** A pattern for any engine. Some languages have wide signs. */
export const FORMULA = '^[=+\\-@\\t\\r\\n＝＋－＠]';
