/** `streamgauge send`: NDJSON from a file or standard input, sent to a running server. */
import { createReadStream, type ReadStream, statSync } from 'node:fs';
import { addAbortSignal, type Readable } from 'node:stream';
import { AppError } from '../model/errors.ts';
import { within } from '../model/within.ts';
import { serverAddress } from './ask-server.ts';
import { BulkProgress } from './bulk/bulk-progress.ts';
import { lineId, newRunId, withId } from './bulk/event-id.ts';
import { InOrder } from './bulk/in-order.ts';
import { assertAnswers, type BatchTarget, type Outcome, postBatch } from './bulk/post-batch.ts';
import { textLines } from './bulk/text-lines.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { grouped } from './table.ts';
import type { Terminal } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

/** Of a request. Larger ones spare few calls more, and more has to be sent again when one is lost. */
const BATCH_CHARS = 2 ** 19;
/** At once: one is read here, one on its way, one decoded and one waits for the disk. */
const REQUESTS_MAX = 4;
/** A pipe that is quiet for so long has nothing more for this batch. */
const IDLE_MS = 100;

interface Sent {
  readonly firstLine: number;
  readonly outcome: Outcome;
}

/** Fails if a line was refused. What was done is told in any case. */
export async function send(
  file: string | undefined,
  options: Options,
  terminal: Terminal,
  stdin: Readable = process.stdin,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const stream = `${options['stream'] ?? 'events'}`;
  const path = `/v1/events?stream=${encodeURIComponent(stream)}`;
  const address = serverAddress(config, options, path, 'ingest');
  const stop = new AbortController();
  const stopListening = terminal.onStopSignal(() => stop.abort());
  const progress = new BulkProgress(terminal);
  const target = { ...address, signal: stop.signal, onWait: progress.wait };
  const name = file === undefined || file === '-' ? 'stdin' : file;
  let isWhole = false;
  try {
    await assertAnswers(target);
    const input = name === 'stdin' ? { from: stdin, share: () => undefined } : opened(name);
    await sendAll(input, name, target, progress);
    isWhole = true;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    progress.end();
    terminal.err('stopped before the end\n');
    return EXIT.failed;
  } finally {
    stopListening();
    progress.end();
    if (isWhole || progress.answers > 0) tell(progress, stream, options['json'] === true, terminal);
  }
  return progress.refused > 0 ? EXIT.failed : EXIT.ok;
}

interface Input {
  readonly from: Readable;
  share(): number | undefined;
}

function opened(path: string): Input {
  try {
    const { size } = statSync(path);
    const from: ReadStream = createReadStream(path, { highWaterMark: 2 ** 18 });
    return { from, share: () => (size === 0 ? undefined : from.bytesRead / size) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('config_invalid', `expected a file of NDJSON: ${reason}`, { path }, cause);
  }
}

async function sendAll(
  { from, share }: Input,
  name: string,
  target: BatchTarget,
  progress: BulkProgress,
): Promise<void> {
  const inFlight = new InOrder<Sent>(REQUESTS_MAX, ({ firstLine, outcome }) => {
    progress.settle(outcome, (line) => `${name}:${firstLine + line}`);
    progress.show('sending', progress.accepted, share());
  });
  const runId = newRunId();
  /** The next one, as people count. */
  let line = 1;
  let firstLine = 1;
  let batch = '';
  const sendBatch = async (): Promise<void> => {
    const [body, first] = [Buffer.from(batch, 'latin1'), firstLine];
    batch = '';
    firstLine = line;
    await inFlight.add(async () => ({ firstLine: first, outcome: await postBatch(body, target) }));
  };
  try {
    const pieces = textLines(addAbortSignal(target.signal, from), name);
    let next = pieces.next();
    for (;;) {
      const read = batch === '' ? await next : await within(next, IDLE_MS);
      if (read?.done === true) break;
      if (read === undefined) {
        await sendBatch();
        await inFlight.tellAll();
        continue;
      }
      next = pieces.next();
      // It may fail while a batch is on its way, and is heard when it is waited for.
      next.catch(() => {});
      const text = read.value;
      for (let at = 0; at < text.length; ) {
        const end = text.indexOf('\n', at);
        const to = end === -1 ? text.length : end;
        batch += `${withId(text.slice(at, to), lineId(runId, line))}\n`;
        line++;
        at = to + 1;
        if (batch.length >= BATCH_CHARS) await sendBatch();
      }
    }
    if (batch !== '') await sendBatch();
  } catch (error) {
    // What is on its way counts all the same, and is told.
    await inFlight.tellAll().catch(() => {});
    throw error;
  }
  await inFlight.tellAll();
}

function tell(progress: BulkProgress, stream: string, asJson: boolean, terminal: Terminal): void {
  const { accepted, refused, named, position, seconds } = progress;
  if (asJson) {
    const told = { stream, accepted, refused, seconds, position, errors: named };
    terminal.out(`${JSON.stringify(told)}\n`);
    return;
  }
  const rate = `${seconds.toFixed(1)} s, ${grouped(accepted / seconds)}/s`;
  terminal.out(`${grouped(accepted)} events accepted, ${grouped(refused)} refused (${rate})\n`);
  if (refused > named.length) {
    const more = grouped(refused - named.length);
    terminal.err(`${more} more were refused: streamgauge dead-letters list --stream ${stream}\n`);
  }
}
