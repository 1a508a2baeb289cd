/**
 * What a query costs through a node that has none of the partitions, beside the same through the one that has them all:
 * `node load-tests/node-query-bench.ts [--partitions 12] [--hours 6] [--runs 200] [--save]`. Each node is a process of its own with a real
 * RocksDB state; between them is HTTP. Both are asked in turns.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { NodeAt } from '../src/cluster/directory.ts';
import { AppError } from '../src/model/errors.ts';
import { type Answer, Asker } from '../src/threads/asker.ts';
import { CASES, type NodeBenchQuestions } from './node-query-cases.ts';
import { type Column, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';

const ANSWER_MS_MAX = 300_000;

const { values: options } = parseArgs({
  options: {
    partitions: { type: 'string', default: '12' },
    hours: { type: 'string', default: '6' },
    runs: { type: 'string', default: '200' },
    save: { type: 'boolean', default: false },
  },
});
const partitions = Number(options.partitions);

interface Measured {
  readonly name: string;
  readonly concurrency: number;
  /** Milliseconds of each run, through the node that has all and through the one that has nothing. */
  readonly here: readonly number[];
  readonly elsewhere: readonly number[];
}

const COLUMNS: readonly Column<Measured>[] = [
  { title: 'query', cell: ({ name }) => name },
  { title: 'at once', cell: ({ concurrency }) => String(concurrency) },
  { title: 'median here, ms', cell: ({ here }) => at(here, 0.5).toFixed(2) },
  { title: 'elsewhere', cell: ({ elsewhere }) => at(elsewhere, 0.5).toFixed(2) },
  { title: 'p99 here, ms', cell: ({ here }) => at(here, 0.99).toFixed(2) },
  { title: 'elsewhere', cell: ({ elsewhere }) => at(elsewhere, 0.99).toFixed(2) },
  {
    title: 'p99, times',
    cell: ({ here, elsewhere }) => (at(elsewhere, 0.99) / at(here, 0.99)).toFixed(2),
  },
];

class BenchNode {
  readonly #process: ChildProcess;
  readonly #asker: Asker<NodeBenchQuestions>;

  constructor(name: string, folder: string) {
    const module = fileURLToPath(new URL('./node-query-process.ts', import.meta.url));
    this.#process = fork(module, [name, folder, String(partitions)]);
    this.#asker = new Asker(`node ${name}`, (question) => this.#process.send(question));
    this.#process.on('message', (answer: Answer) => this.#asker.hear(answer));
    this.#process.on('exit', (code) => {
      this.#asker.end(new AppError('node_away', `node ${name} has ended: ${code}`));
    });
  }

  ask<Name extends keyof NodeBenchQuestions>(name: Name, ask: NodeBenchQuestions[Name]['ask']) {
    return this.#asker.ask(name, ask, ANSWER_MS_MAX);
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.disconnect();
    await ended;
  }
}

const folder = scratchFolder('node-query');
const [full, empty] = [new BenchNode('full', folder), new BenchNode('empty', folder)];
try {
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  const [fullAt, emptyAt] = [await full.ask('open', undefined), await empty.ask('open', undefined)];
  await full.ask('fill', { hours: Number(options.hours) });
  const nodes: NodeAt[] = [
    { ...fullAt, partitions: all },
    { ...emptyAt, partitions: [] },
  ];
  await full.ask('assign', nodes);
  await empty.ask('assign', nodes);
  const rows: Measured[] = [];
  for (const [place, { name }] of CASES.entries()) {
    for (const concurrency of [1, 4]) {
      const ms: { here: number[]; elsewhere: number[] } = { here: [], elsewhere: [] };
      const turns = 5;
      const runs = Math.ceil(Number(options.runs) / turns);
      for (let turn = -1; turn < turns; turn++) {
        const here = await full.ask('run', { place, runs, concurrency });
        const elsewhere = await empty.ask('run', { place, runs, concurrency });
        if (here.digest !== elsewhere.digest) throw new Error(`${name}: answers differ`);
        // The first turn warms up.
        if (turn < 0) continue;
        ms.here.push(...here.ms);
        ms.elsewhere.push(...elsewhere.ms);
      }
      rows.push({ name, concurrency, ...ms });
    }
  }
  const text = table(COLUMNS, rows);
  process.stdout.write(`${text}\n`);
  if (options.save) saveResult('node-query', text, { partitions, hours: Number(options.hours) });
} finally {
  await full.close();
  await empty.close();
  removeScratch(folder);
}

function at(numbers: readonly number[], quantile: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] as number;
}
