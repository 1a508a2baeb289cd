/** `streamgauge export`: has the running server send events, and keeps them as a file once it has them all. */
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { extname } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../model/errors.ts';
import { EXPORT_FORMATS } from '../query/cold/cold-port.ts';
import { serverAddress } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { postJson } from './post.ts';
import { progressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

const PARAMETERS = ['stream', 'from', 'to', 'format', 'where', 'columns', 'formulas'] as const;
/** An answer that is no export. */
const ERROR_BYTES_MAX = 64 * 1024;

export const exportToFile = (options: Options, terminal: Terminal): Promise<ExitCode> =>
  fetchToFile('/v1/export', 'events', (out) => parametersOf(options, out), options, terminal);

/** What the server answers at a path becomes the file `--out`; `what` it is, for who waits. */
export async function fetchToFile(
  path: string,
  what: string,
  parameters: (out: string) => Readonly<Record<string, unknown>>,
  options: Options,
  terminal: Terminal,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const out = `${options['out']}`;
  const { url, headers } = serverAddress(config, options, path);
  const stop = new AbortController();
  const stopListening = terminal.onStopSignal(() => stop.abort());
  // Nobody reads it any more.
  const noReader = () => stop.abort();
  process.stdout.once('error', noReader);
  const line = progressLine(terminal);
  try {
    const plain = { ...headers, 'accept-encoding': 'identity' };
    const answer = await postJson(url, plain, parameters(out), stop.signal);
    if (answer.statusCode !== 200) throw await refusalOf(answer, url);
    const bytes = await keep(
      answer,
      out,
      (bytes) => line.show(what, undefined, bytes),
      stop.signal,
    );
    line.end();
    if (out !== '-') terminal.err(`${out}: ${bytes} bytes\n`);
    return EXIT.ok;
  } catch (error) {
    line.end();
    if (!stop.signal.aborted) throw error;
    terminal.err('stopped; nothing was kept\n');
    return EXIT.failed;
  } finally {
    stopListening();
    process.stdout.off('error', noReader);
  }
}

function parametersOf(options: Options, out: string): Readonly<Record<string, unknown>> {
  const given = Object.fromEntries(PARAMETERS.map((name) => [name, options[name]]));
  const ending = extname(out).slice(1);
  const byName = EXPORT_FORMATS.find((format) => format === ending);
  return { ...given, format: given['format'] ?? byName };
}

async function refusalOf(answer: IncomingMessage, url: URL): Promise<AppError> {
  let text = '';
  for await (const piece of answer) if (text.length < ERROR_BYTES_MAX) text += piece;
  let said = `${answer.statusCode} ${text}`;
  try {
    said = JSON.parse(text).error.message;
  } catch {
    // Something else than a Streamgauge answered: what it said is shown as it is.
  }
  return new AppError('query_invalid', `the server at ${url.origin} said: ${said}`);
}

/** Answers how many bytes. A file has its name only when it is whole. */
async function keep(
  answer: IncomingMessage,
  out: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<number> {
  let bytes = 0;
  const counted = async function* (pieces: AsyncIterable<Buffer>) {
    for await (const piece of pieces) {
      bytes += piece.length;
      progress(bytes);
      yield piece;
    }
  };
  if (out === '-') {
    await pipeline(answer, counted, standardOutput(), { signal }).catch(brokenOff);
    return bytes;
  }
  const part = `${out}.part`;
  try {
    await pipeline(answer, counted, createWriteStream(part), { signal }).catch(brokenOff);
    const file = await open(part, 'r+');
    await file.sync();
    await file.close();
    await rename(part, out);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return bytes;
}

/** `pipeline` would end the process's own. */
const standardOutput = (): Writable =>
  new Writable({ write: (piece, _encoding, done) => void process.stdout.write(piece, done) });

function brokenOff(cause: unknown): never {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ECONNRESET') {
    const message =
      'the server broke the export off; its log says why. Ask again, for less or with a file that is read faster';
    throw new AppError('query_timeout', message, {}, cause);
  }
  throw cause;
}
