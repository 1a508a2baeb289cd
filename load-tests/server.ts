/** The server as the load tests see it: a process of its own, known by its ports, its answers and its exit. */
import { ok as assert } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { type ProcessUsage, processUsage } from './process-usage.ts';
import { reservePort } from './reserve-port.ts';
import { SceneFailed } from './scene-failed.ts';
import { STREAM } from './workload.ts';

const LAUNCHER = fileURLToPath(new URL('../bin/streamgauge.js', import.meta.url));
const HOST = '127.0.0.1';
const START_MS_MAX = 90_000;
const STOP_MS_MAX = 60_000;
const CATCH_UP_MS_MAX = 120_000;
const POLL_MS = 20;
const LOG_TAIL_CHARS = 4_000;

type ConfigKeys = Readonly<Record<string, unknown>>;

export interface ServerOptions {
  /** Config, data and log are put here. */
  readonly folder: string;
  readonly partitions: number;
  /** Keys of the configuration that differ from the bench's. */
  readonly config?: ConfigKeys | ((queryPort: number) => ConfigKeys);
  /** For the Node that runs the server, such as `--cpu-prof`. Worker threads inherit most of them. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class Server {
  readonly host = HOST;
  readonly ingestPort: number;
  readonly queryPort: number;
  readonly dataDir: string;
  readonly #options: ServerOptions;
  readonly #configFile: string;
  readonly #logFile: string;
  #child: ChildProcess | undefined;

  /** Takes two free ports and writes the configuration; `start` runs it. */
  static async prepare(options: ServerOptions): Promise<Server> {
    mkdirSync(options.folder, { recursive: true });
    return new Server(options, await reservePort(), await reservePort());
  }

  private constructor(options: ServerOptions, ingestPort: number, queryPort: number) {
    this.#options = options;
    this.ingestPort = ingestPort;
    this.queryPort = queryPort;
    this.dataDir = join(options.folder, 'data');
    this.#configFile = join(options.folder, 'streamgauge.yaml');
    this.#logFile = join(options.folder, 'server.log');
    const config = {
      listen: { host: HOST, ingestPort, queryPort },
      dataDir: this.dataDir,
      partitions: options.partitions,
      rollups: BENCH_ROLLUPS,
      logging: { level: 'info', format: 'json' },
      ...(typeof options.config === 'function' ? options.config(queryPort) : options.config),
    };
    writeFileSync(this.#configFile, stringify(config));
  }

  get pid(): number {
    const pid = this.#child?.pid;
    assert(pid !== undefined, 'expected a server that was started');
    return pid;
  }

  /** Resolves when the query listener, or the one for events, says that it is ready. `more` joins the environment for this life. */
  async start(
    more: Readonly<Record<string, string>> = {},
    listener: 'query' | 'ingest' = 'query',
  ): Promise<void> {
    this.launch(more);
    await this.ready(listener);
  }

  /** Starts it and waits for nothing. */
  launch(more: Readonly<Record<string, string>> = {}): void {
    assert(this.#child === undefined, 'expected a server that is not running');
    const log = openSync(this.#logFile, 'a');
    const { nodeArgs = [], env = {} } = this.#options;
    const child = spawn(
      process.execPath,
      [...nodeArgs, LAUNCHER, 'start', '--config', this.#configFile],
      { stdio: ['ignore', log, log], env: { ...withoutSettings(process.env), ...env, ...more } },
    );
    closeSync(log);
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
  }

  /** Resolves when the listener says that it is ready. Rejects if the process ends before, or after `msMax`. */
  async ready(listener: 'query' | 'ingest' = 'query', msMax = START_MS_MAX): Promise<void> {
    const child = this.#child;
    assert(child !== undefined, 'expected a server that was started');
    const port = listener === 'query' ? this.queryPort : this.ingestPort;
    const deadline = performance.now() + msMax;
    while (!(await this.#isReady(port))) {
      if (hasExited(child)) throw new Error(`the server ended at its start\n${this.logTail()}`);
      if (performance.now() > deadline) {
        throw new SceneFailed(`the server is not ready after ${msMax} ms\n${this.logTail()}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Kill -9. What the page cache holds stays. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: everything accepted is committed, and the exit code must be 0. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM');
    assert(code === 0, `expected exit code 0 after SIGTERM, received ${code}\n${this.logTail()}`);
  }

  /** Resolves when the process has ended by itself, with what ended it. */
  async ended(timeoutMs: number): Promise<NodeJS.Signals | null> {
    const child = this.#child;
    assert(child !== undefined, 'expected a server that was started');
    if (!hasExited(child)) {
      await once(child, 'exit', { signal: AbortSignal.timeout(timeoutMs) });
    }
    return child.signalCode;
  }

  /** SIGSTOP: it answers nothing until `resume`, and believes then that no time has passed. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  get hasEnded(): boolean {
    return this.#child === undefined || hasExited(this.#child);
  }

  usage(): ProcessUsage {
    const usage = processUsage(this.pid);
    if (usage === undefined) throw new Error(`the server has ended\n${this.logTail()}`);
    return usage;
  }

  logTail(): string {
    return this.log().slice(-LOG_TAIL_CHARS);
  }

  /** Of all its lives. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  /** The `data` of a GraphQL answer; rejects if it has errors. */
  async query<T>(query: string, variables: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const response = await fetch(`http://${HOST}:${this.queryPort}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(CATCH_UP_MS_MAX),
    });
    const answer: { data?: T; errors?: readonly unknown[] } = JSON.parse(await response.text());
    if (answer.data === undefined || answer.errors !== undefined) {
      throw new Error(`GraphQL: ${response.status} ${JSON.stringify(answer.errors)} to ${query}`);
    }
    return answer.data;
  }

  /** The sum of a metric over its labels. */
  async metric(name: string): Promise<number> {
    return (await this.samples(name)).reduce((sum, value) => sum + value, 0);
  }

  /** A metric, by its labels. */
  async samples(name: string): Promise<number[]> {
    const response = await fetch(`http://${HOST}:${this.queryPort}/metrics`, {
      signal: AbortSignal.timeout(START_MS_MAX),
    });
    const samples = (await response.text())
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    if (samples.length === 0) throw new Error(`expected a metric "${name}"`);
    return samples.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)));
  }

  async ledger(stream: string = STREAM): Promise<Ledger> {
    const { ledger } = await this.query<{ ledger: Ledger }>(LEDGER_QUERY, { stream });
    return ledger;
  }

  /** Resolves when everything that is logged of the stream has been applied, with the ledger of that moment. */
  async caughtUp(stream: string = STREAM): Promise<Ledger> {
    const deadline = performance.now() + CATCH_UP_MS_MAX;
    for (;;) {
      const ledger = await this.ledger(stream);
      if (ledger.pending === 0) return ledger;
      if (performance.now() > deadline) {
        throw new Error(`${ledger.pending} events are still pending after ${CATCH_UP_MS_MAX} ms`);
      }
      await sleep(POLL_MS);
    }
  }

  async #isReady(port: number): Promise<boolean> {
    try {
      const response = await fetch(`http://${HOST}:${port}/readyz`, {
        signal: AbortSignal.timeout(1_000),
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false;
    }
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return 0;
    this.#child = undefined;
    if (hasExited(child)) return child.exitCode;
    const exited = once(child, 'exit', { signal: AbortSignal.timeout(STOP_MS_MAX) });
    child.kill(signal);
    await exited;
    return child.exitCode;
  }
}

/** What became of all events of a stream. */
export interface Ledger {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly pending: number;
  readonly clamped: number;
  readonly expired: number;
  readonly balanced: boolean;
}

const LEDGER_QUERY = `query ($stream: String!) {
  ledger(stream: $stream) { received applied duplicate rejected pending clamped expired balanced }
}`;

const BENCH_ROLLUPS = [
  {
    name: 'by_type_country',
    stream: STREAM,
    dimensions: ['type', 'country'],
    measures: ['count', 'sum(duration_ms)', 'quantile(duration_ms)', 'distinct(user)'],
  },
  { name: 'by_url', stream: STREAM, dimensions: ['url'], measures: ['count'] },
];

/** No server outlives the test that started it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const hasExited = (child: ChildProcess): boolean =>
  child.exitCode !== null || child.signalCode !== null;

/** The server must not take settings from the shell of whoever runs the test. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('STREAMGAUGE_')),
  );
}
