/** `streamgauge import` as a process that can be killed, and an access log to import. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { seededRandom } from './random.ts';
import type { Server } from './server.ts';

export const IMPORT_STREAM = 'web';

/** What it tells at its end. */
export interface ImportTold {
  readonly accepted: number;
  readonly refused: number;
  readonly unreadable: number;
  /** Of the last events. */
  readonly position?: string;
  readonly run: { readonly settled: number; readonly seconds: number; readonly perSecond: number };
}

export interface ImportProcess {
  readonly child: ChildProcess;
  /** Undefined if it was killed; rejects if it failed. */
  readonly ended: Promise<ImportTold | undefined>;
}

const LAUNCHER = fileURLToPath(new URL('../bin/streamgauge.js', import.meta.url));

export function startImport(
  { host, ingestPort, queryPort }: Server,
  log: string,
  ingestUrl = `http://${host}:${ingestPort}`,
): ImportProcess {
  const listeners = ['--ingest-url', ingestUrl, '--url', `http://${host}:${queryPort}`];
  const more = ['--stream', IMPORT_STREAM, '--state', `${log}.state`, '--json', log];
  const child = spawn(process.execPath, [LAUNCHER, 'import', ...listeners, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = (async () => {
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), exited(child)]);
    if (child.signalCode === 'SIGKILL') return undefined;
    if (child.exitCode !== 0) throw new Error(`the import ended with ${child.exitCode}: ${err}`);
    return JSON.parse(out) as ImportTold;
  })();
  return { child, ended };
}

const exited = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
};

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15',
  'curl/8.4.0',
];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const PIECE_CHARS = 2 ** 20;

/** Lines in the combined format, about 170 bytes each, evenly from `fromMs` on over `forMs`; the query of each is its number. */
export function writeAccessLog(path: string, lines: number, fromMs: number, forMs: number): void {
  const random = seededRandom(1);
  const file = openSync(path, 'w');
  let piece = '';
  for (let n = 0; n < lines; n++) {
    const address = `10.0.${random.between(0, 256)}.${random.between(0, 256)}`;
    const request = `GET /page/${random.between(0, 500)}?n=${n} HTTP/1.1`;
    const status = random.next() < 0.9 ? 200 : 404;
    const time = logTime(fromMs + Math.floor((n * forMs) / lines));
    const agent = AGENTS[random.between(0, AGENTS.length)];
    piece += `${address} - - [${time}] "${request}" ${status} ${random.between(0, 50_000)} "-" "${agent}"\n`;
    if (piece.length < PIECE_CHARS) continue;
    writeSync(file, piece);
    piece = '';
  }
  writeSync(file, piece);
  closeSync(file);
}

function logTime(ms: number): string {
  const [day, time] = new Date(ms).toISOString().split(/[T.]/);
  const [year, month, date] = `${day}`.split('-');
  return `${date}/${MONTHS[Number(month) - 1]}/${year}:${time} +0000`;
}
