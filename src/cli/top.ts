/** `streamgauge top`: what comes just now, what fires, and whether the server keeps up. On a terminal it goes on until `q`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../model/errors.ts';
import { type AskServer, askServer } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';
import {
  type Answered,
  type Firing,
  type Health,
  type Look,
  screenOf,
  type Traffic,
} from './top-screen.ts';

type Options = Readonly<Record<string, unknown>>;

const TRAFFIC = `query ($stream: String!) {
  timeseries(stream: $stream, last: "1m", step: "1s", measures: [{ op: count }], groupBy: ["type"], limit: 15) {
    to watermark seriesFound series { labels { value } columns { t values } }
  }
}`;
const FIRING = '{ alarms(first: 10) { total alarms { rule group state severity since value } } }';
const HEALTH = '{ partitions { lagBytes } actors { restarts state } }';

const LOOK_MS = 1_000;
/** Another screen, without a cursor, on which lines end where it does; and back. */
const BEGIN = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const END = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
/** What was there before goes with it. */
const LINE_END = '\u001b[K\r\n';
const REST_GOES = '\u001b[J';
const CTRL_C = '\u0003';

export async function top(options: Options, terminal: Terminal): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const stream = `${options['stream'] ?? 'events'}`;
  const stop = new AbortController();
  const server = askServer(config, options, stop.signal);
  // One that is not there is an error at first; later it may come back.
  const { version } = await server.ask<{ version: string }>('{ version }');
  const about = { version, origin: server.origin, stream };
  const screen = (look: Look) => screenOf(about, look);
  if (options['json'] === true) {
    terminal.out(`${JSON.stringify(await lookAt(server, stream))}\n`);
  } else if (terminal.isInteractive) {
    await showUntilStopped(terminal, stop, async () => screen(await lookAt(server, stream)));
  } else {
    terminal.out(screen(await lookAt(server, stream)));
  }
  return EXIT.ok;
}

async function showUntilStopped(
  terminal: Terminal,
  stop: AbortController,
  screen: () => Promise<string>,
): Promise<void> {
  const stopListening = terminal.onStopSignal(() => stop.abort());
  const stopHearing = terminal.onKey?.((key) => {
    if (key === 'q' || key === CTRL_C) stop.abort();
  });
  terminal.out(BEGIN);
  try {
    while (!stop.signal.aborted) {
      const lines = (await screen()).trimEnd().split('\n').slice(0, terminal.rows);
      // What was asked last has no answer then.
      if (stop.signal.aborted) break;
      terminal.out(`${HOME}${lines.join(LINE_END)}\u001b[K${REST_GOES}`);
      await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    terminal.out(END);
    stopHearing?.();
    stopListening();
  }
}

/** Each part by itself: what a key may not see, or nothing can answer, takes nothing from the others. */
async function lookAt(server: AskServer, stream: string): Promise<Look> {
  const [traffic, alarms, health] = await Promise.all([
    answered(server.ask<{ timeseries: Traffic }>(TRAFFIC, { stream }), (all) => all.timeseries),
    answered(server.ask<{ alarms: Firing }>(FIRING), (all) => all.alarms),
    answered(server.ask<Health>(HEALTH), (all) => all),
  ]);
  return { atMs: Date.now(), traffic, alarms, health };
}

async function answered<All, T>(asked: Promise<All>, part: (all: All) => T): Promise<Answered<T>> {
  try {
    return part(await asked);
  } catch (error) {
    if (error instanceof AppError) return { problem: error.message };
    throw error;
  }
}
