/** `streamgauge replay`: has the running server rebuild rollups from single events, and shows what differs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../model/errors.ts';
import { formatDuration } from '../query/time.ts';
import { type AskServer, askServer } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { grouped } from './table.ts';
import type { Terminal } from './terminal.ts';

interface Difference {
  readonly rollup: string;
  readonly step: number;
  readonly rows: number;
  readonly rowsDiffering: number;
  readonly bucketsDiffering: number;
  readonly seriesDiffering: number;
  readonly eventsAdded: number;
  readonly eventsLost: number;
  readonly sumErrorMax: number;
  readonly examples: readonly {
    readonly bucket: number;
    readonly labels: readonly (string | null)[];
    readonly liveCount: number;
    readonly rebuiltCount: number;
    readonly liveSum: number | null;
    readonly rebuiltSum: number | null;
  }[];
}

interface Replay {
  readonly id: string;
  readonly state: 'RUNNING' | 'COMPARED' | 'APPLYING' | 'APPLIED' | 'CANCELLED' | 'FAILED';
  readonly notes: readonly string[];
  readonly rows: number;
  readonly rowsTotal: number;
  readonly rowsPerSecond: number;
  readonly done: number;
  readonly from: number;
  readonly firstEvent: number | null;
  readonly heldMs: number | null;
  readonly problem: string | null;
  readonly differences: readonly Difference[];
}

const POLL_MS = 500;
const SHOWN_MS = 10_000;
const EXAMPLES_SHOWN = 3;
const FIELDS = `id state stream rollups from to notes rows rowsTotal rowsPerSecond firstEvent done heldMs problem
  differences { rollup step rows rowsDiffering bucketsDiffering seriesDiffering eventsAdded eventsLost sumErrorMax
    examples { bucket labels liveCount rebuiltCount liveSum rebuiltSum } }`;

export async function replay(
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const server = askServer(config, options);
  const id = await begin(server, options);
  const stopListening = terminal.onStopSignal(() => {
    // On the server it would go on alone.
    void cancel(server, id).catch(() => undefined);
  });
  try {
    const ended = await end(server, id, terminal);
    if (options['json'] === true) terminal.out(`${JSON.stringify(ended, undefined, 2)}\n`);
    else show(ended, terminal);
    return ended.state === 'COMPARED' || ended.state === 'APPLIED' ? EXIT.ok : EXIT.failed;
  } finally {
    stopListening();
  }
}

async function begin(
  server: AskServer,
  options: Readonly<Record<string, unknown>>,
): Promise<string> {
  const allowLoss = options['allowLoss'] === true;
  const { id } = options;
  if (typeof id === 'string') {
    const variables = { id, allowLoss };
    const { applyReplay } = await server.ask<{ applyReplay: Replay }>(
      'mutation ($id: String!, $allowLoss: Boolean!) { applyReplay(id: $id, allowLoss: $allowLoss) { id } }',
      variables,
    );
    return applyReplay.id;
  }
  for (const name of ['stream', 'from', 'to']) {
    if (options[name] === undefined) {
      throw new AppError('query_invalid', `expected --${name}, or --id of a replay to be applied`);
    }
  }
  const { stream, rollup, from, to, share } = options;
  const { startReplay } = await server.ask<{ startReplay: Replay }>(
    `mutation ($stream: String!, $from: Timestamp!, $to: Timestamp!, $rollup: String, $apply: Boolean!, $allowLoss: Boolean!, $share: Float!) {
      startReplay(stream: $stream, from: $from, to: $to, rollup: $rollup, apply: $apply, allowLoss: $allowLoss, share: $share) { id }
    }`,
    {
      ...{ stream, rollup, from: time(from), to: time(to), allowLoss },
      apply: options['apply'] === true,
      share: Number(share ?? 1),
    },
  );
  return startReplay.id;
}

/** Epoch milliseconds are a number. */
const time = (option: unknown): unknown =>
  typeof option === 'string' && /^\d+$/.test(option) ? Number(option) : option;

const cancel = (server: AskServer, id: string): Promise<unknown> =>
  server.ask('mutation ($id: String!) { cancelReplay(id: $id) { id } }', { id });

async function end(server: AskServer, id: string, terminal: Terminal): Promise<Replay> {
  let shownMs = performance.now();
  for (;;) {
    const { replays } = await server.ask<{ replays: readonly Replay[] }>(
      `{ replays { ${FIELDS} } }`,
    );
    const found = replays.find((each) => each.id === id);
    if (found === undefined) {
      throw new AppError('query_invalid', `the server knows nothing of replay "${id}" any more`);
    }
    if (found.state !== 'RUNNING' && found.state !== 'APPLYING') return found;
    const nowMs = performance.now();
    if (terminal.isInteractive || nowMs - shownMs >= SHOWN_MS) {
      shownMs = nowMs;
      terminal.err(`${terminal.isInteractive ? '\r\u001b[K' : ''}${progressText(found)}`);
      if (!terminal.isInteractive) terminal.err('\n');
    }
    await sleep(POLL_MS);
  }
}

const progressText = ({ rows, rowsPerSecond, done }: Replay): string =>
  `${(done * 100).toFixed(0)} %, ${grouped(rows)} events, ${grouped(rowsPerSecond)}/s`;

function show(ended: Replay, terminal: Terminal): void {
  const { id, state, notes, rows, differences, heldMs, problem } = ended;
  if (terminal.isInteractive) terminal.err('\r\u001b[K');
  for (const note of notes) terminal.out(`the replay ${note}\n`);
  if (problem !== null) {
    terminal.err(`streamgauge: replay ${id} has failed: ${problem}\n`);
    if (differences.length === 0) return;
  }
  if (state === 'CANCELLED') {
    terminal.out(`replay ${id} was cancelled, and nothing was changed\n`);
    return;
  }
  terminal.out(`${grouped(rows)} events read\n`);
  if (ended.firstEvent !== null && ended.firstEvent > ended.from) {
    const first = new Date(ended.firstEvent).toISOString();
    terminal.out(`the archive has no events of the range before ${first}\n`);
  }
  for (const difference of differences) terminal.out(differenceText(difference));
  if (state === 'APPLIED') {
    terminal.out(`applied; partitions stood still for ${heldMs ?? 0} ms\n`);
  } else if (state === 'COMPARED') {
    terminal.out(
      differences.every(({ rowsDiffering }) => rowsDiffering === 0)
        ? 'nothing differs in what is closed\n'
        : `nothing was changed; to apply it: streamgauge replay --id ${id}\n`,
    );
  }
}

function differenceText(difference: Difference): string {
  const { rollup, step, rows, rowsDiffering, bucketsDiffering, seriesDiffering } = difference;
  const { eventsAdded, eventsLost, sumErrorMax, examples } = difference;
  const head = `${rollup}, ${formatDuration(step)}: `;
  const error = sumErrorMax > 0 ? `; sums agree to ${sumErrorMax.toExponential(1)}` : '';
  if (rowsDiffering === 0) return `${head}${grouped(rows)} rows are equal${error}\n`;
  const lines = examples.slice(0, EXAMPLES_SHOWN).map((example) => {
    const { labels, liveCount, rebuiltCount, liveSum, rebuiltSum } = example;
    const bucket = new Date(example.bucket).toISOString();
    const sums =
      liveSum === null && rebuiltSum === null
        ? ''
        : `, sum ${liveSum ?? '-'} -> ${rebuiltSum ?? '-'}`;
    return `  ${bucket} ${JSON.stringify(labels)}: ${grouped(liveCount)} -> ${grouped(rebuiltCount)} events${sums}\n`;
  });
  return [
    `${head}${grouped(rowsDiffering)} of ${grouped(rows)} rows differ, in ${grouped(bucketsDiffering)} buckets and ${grouped(seriesDiffering)} series;`,
    ` ${grouped(eventsAdded)} events more, ${grouped(eventsLost)} fewer than now${error}\n`,
    ...lines,
  ].join('');
}
