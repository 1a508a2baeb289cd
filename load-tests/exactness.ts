/**
 * `npm run verify`: every measure, asked over HTTP of everything that answers it, held against DuckDB over the very lines that were
 * sent. Ends with exit code 1 if an answer is off, or off by more than it says.
 *
 *   node load-tests/exactness.ts [--events 2000000] [--save]
 */
import { parseArgs } from 'node:util';
import { MINUTE_MS } from '../src/model/units.ts';
import { describe, questionsUpTo } from './exactness/questions.ts';
import { type Judged, Scene } from './exactness/scene.ts';
import { type Column, grouped, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '2000000' },
    save: { type: 'boolean', default: false },
  },
});
const events = Number(options.events);
const endMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;

const COLUMNS: readonly Column<Judged>[] = [
  { title: 'measure', cell: ({ measure }) => measure },
  { title: 'asked', cell: ({ asked }) => asked },
  { title: 'answered from', cell: ({ from }) => from },
  { title: 'compared', cell: ({ points }) => grouped(points) },
  { title: 'greatest error', cell: ({ error }) => shown(error) },
  { title: 'bound', cell: ({ bound }) => bound },
  { title: 'ok', cell: ({ faults }) => (faults.length === 0 ? 'ok' : 'OUT') },
];

const outOf = (judged: readonly Judged[]): Judged[] =>
  judged.filter(({ faults }) => faults.length > 0);

const shown = (error: number): string => {
  if (error === 0) return '0';
  return error < 1e-6 ? error.toExponential(1) : `${(100 * error).toFixed(2)} %`;
};

const folder = scratchFolder('exactness');
const scene = await Scene.prepare(folder, events, endMs);
try {
  const judged: Judged[] = [];
  for (const question of questionsUpTo(endMs)) {
    const began = performance.now();
    const some = await scene.verify(question);
    judged.push(...some);
    const ms = grouped(performance.now() - began);
    process.stderr.write(`${describe(question)}: ${outOf(some).length} out, ${ms} ms\n`);
  }
  const out = outOf(judged);
  const text = [
    `${grouped(events)} events of the benchmark, a tenth of that of each other stream, up to ${new Date(endMs).toISOString()}.`,
    '',
    table(COLUMNS, judged),
    '',
    `${judged.length} rows, ${out.length} out.`,
    ...out.map(({ asked, faults }) => `- ${asked}: ${faults[0]}`),
  ].join('\n');
  process.stdout.write(`${text}\n`);
  if (options.save) process.stdout.write(`${saveResult('verify', text, { events, judged })}\n`);
  process.exitCode = out.length === 0 ? 0 : 1;
} finally {
  await scene.close();
  removeScratch(folder);
}
