/** Results with what they were measured on: a figure without its machine and commit says nothing. */
import { ok as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('./results/', import.meta.url));

export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
}

export function describeMachine(): Machine {
  const cores = cpus();
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') ? '+' : ''),
    node: process.version,
    cpu: cores[0]?.model ?? 'unknown',
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}

/** Writes `results/DATE-NAME.md` and `.json`; answers the path of the first. */
export function saveResult(name: string, text: string, data: unknown): string {
  mkdirSync(FOLDER, { recursive: true });
  const machine = describeMachine();
  const path = join(FOLDER, `${machine.date.slice(0, 10)}-${name}`);
  const facts = Object.entries(machine).map(([key, value]) => `- ${key}: ${value}`);
  writeFileSync(`${path}.md`, [`# ${name}`, '', ...facts, '', text, ''].join('\n'));
  writeFileSync(`${path}.json`, `${JSON.stringify({ machine, ...Object(data) }, undefined, 2)}\n`);
  return `${path}.md`;
}

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
}

/** A Markdown table whose columns are also aligned as plain text. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ cell }) => cell(row))),
  ];
  const widths = columns.map((_, i) =>
    Math.max(...cells.map((line) => (line[i] as string).length)),
  );
  const lines = cells.map(
    (line) => `| ${line.map((cell, i) => pad(cell, widths[i] as number, i)).join(' | ')} |`,
  );
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const megabytes = (value: number): string => `${Math.round(value / 1e6)} MB`;

/** Of an even count the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Whole, since figures of several runs would describe none: the one whose `figure` is the median, of an even count the larger in the middle. */
export function medianRun<Run>(runs: readonly Run[], figure: (run: Run) => number): Run {
  const sorted = [...runs].sort((a, b) => figure(a) - figure(b));
  const middle = sorted[Math.floor(sorted.length / 2)];
  assert(middle !== undefined, 'expected at least one run');
  return middle;
}

/** Names to the left, figures to the right. */
const pad = (cell: string, width: number, column: number): string =>
  column === 0 ? cell.padEnd(width) : cell.padStart(width);

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
