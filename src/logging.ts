/** The program's own log: JSON lines on standard output, readable lines on a terminal. One logger per thread. */
import { isatty, WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import { destination, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Logger } from './model/logger.ts';

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'auto' | 'pretty' | 'json';
  /** `main`, `edge/0`, `partitions/1`: who writes the line. */
  readonly thread: string;
}

export interface ThreadLogger extends Logger {
  /** Writes what is buffered. A worker thread calls it before it ends; the main thread's exit does it itself. */
  flush(): void;
}

/**
 * What a reader of our output that stalls may cost each thread; lines past it are dropped. The alternative,
 * writing synchronously, would stop the server for as long as its log collector stops.
 */
const BUFFERED_BYTES_MAX = 4 * 2 ** 20;

/** An error goes under the key `err`: code, location, cause and stack are then kept. */
export function createLogger({ level, format, thread }: LogOptions): ThreadLogger {
  const output = destination({ fd: 1, sync: false, maxLength: BUFFERED_BYTES_MAX });
  const isTerminal = isatty(1);
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal);
  const withColour = isTerminal && WriteStream.prototype.getColorDepth() > 1;
  const stream = isPretty
    ? { write: (line: string) => output.write(prettyLine(line, withColour)) }
    : output;
  const logger = pino(
    {
      level,
      base: { thread },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err },
    },
    stream,
  );
  return Object.assign(logger, { flush: () => output.flushSync() });
}

const COLOURS = { debug: 'gray', info: 'green', warn: 'yellow', error: 'red' } as const;

/** `12:04:31.120 info  edge/0  message  key=value`, a stack below it. Exported for its test. */
export function prettyLine(json: string, withColour: boolean): string {
  const { time, level, thread, msg, err, ...fields }: Record<string, unknown> = JSON.parse(json);
  const paint = (colour: 'gray' | 'green' | 'yellow' | 'red', text: string) =>
    withColour ? styleText(colour, text, { validateStream: false }) : text;
  const colour = Object.entries(COLOURS).find(([name]) => name === level)?.[1] ?? 'gray';
  const shown = Object.entries(fields).map(([key, value]) => `${key}=${bare(value)}`);
  const stack = isRecord(err) ? `\n  ${bare(err['stack'] ?? err['message'])}` : '';
  const head = [
    paint('gray', String(time).slice(11, 23)),
    paint(colour, String(level).padEnd(5)),
    String(thread).padEnd(12),
    String(msg),
  ];
  return `${[...head, paint('gray', shown.join(' '))].join(' ').trimEnd()}${stack}\n`;
}

const bare = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;
