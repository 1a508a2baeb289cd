/** Rows of texts for people and for spreadsheets. The first row has the names. */

import { FORMULA } from '../model/formula.ts';

/** Columns of equal width, figures to the right; harmless for a terminal. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] ?? '').length)),
  );
  const areFigures = widths.map((_, column) =>
    cells.slice(1).every((row) => /^(-$|-?[\d.,]+( ±.*)?$)/.test(row[column] ?? '')),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) =>
        areFigures[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return cells.map((row) => `${line(row)}\n`).join('');
}

/** RFC 4180. */
export const csvOf = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');

/** For a cell of CSV, as an export writes it: to a spreadsheet it is a text, whatever it begins with. */
export const inert = (text: string): string => (COMPUTED.test(text) ? `'${text}` : text);

const COMPUTED = new RegExp(FORMULA);

const csvCell = (cell: string): string =>
  /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;

/** A terminal obeys control characters. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '�');

/** For people: thousands apart, nothing behind the point. */
export const grouped = (count: number): string => Math.round(count).toLocaleString('en-US');
