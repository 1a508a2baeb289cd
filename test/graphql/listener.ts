/** A query listener on a free port with partitions in memory, for tests over real sockets. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { authorizerFor } from '../../graphql/authorize.ts';
import { openQueryListener, type QueryListenerOptions } from '../../graphql/server.ts';
import type { AccessKey } from '../../src/model/access.ts';
import { systemClock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { AlarmBoardPort } from '../../src/query/alarms-port.ts';
import { Followers } from '../../src/query/followers.ts';
import type { Health } from '../../src/query/health.ts';
import type { LettersPort } from '../../src/query/letters.ts';
import { systemScheduler } from '../../src/query/live-query.ts';
import { Queries } from '../../src/query/queries.ts';
import { RollupAges } from '../../src/query/rollup-ages.ts';
import type { SystemPort } from '../../src/query/system.ts';
import { SavedDashboards } from '../../src/saved-dashboards.ts';
import { MemoryPartitions } from '../query/partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY, PURCHASES } from '../query/rollups.ts';
import { MemoryStore } from '../simulation/memory-store.ts';

export interface LogLine {
  readonly fields: object;
  readonly message: string;
}

export interface ListenerParts extends Partial<QueryListenerOptions> {
  readonly keys?: readonly AccessKey[];
  readonly system?: Partial<SystemPort>;
  readonly health?: Health;
  readonly alarms?: AlarmBoardPort;
}

export async function openTestListener(t: ExecutionContext, parts: ListenerParts = {}) {
  const { keys = [], system, health, alarms = NO_ALARMS, ...options } = parts;
  const { scheduler = systemScheduler } = options;
  const memory = new MemoryPartitions([BY_TYPE, BY_TYPE_AND_COUNTRY, PURCHASES]);
  const queries = new Queries({ partitions: memory, stored: memory, catalog: memory, scheduler });
  const errors: LogLine[] = [];
  const dashboards = new SavedDashboards({
    store: new MemoryStore(),
    builtIn: [],
    clock: systemClock,
  });
  // A node that does not lead keeps none.
  if (options.leader?.isLeader !== false) await dashboards.start();
  const listener = await openQueryListener({
    host: '127.0.0.1',
    port: 0,
    authorize: authorizerFor(keys, (hash) => dashboards.mayOpen(hash)),
    needsKey: keys.length > 0,
    services: {
      queries,
      partitions: memory,
      catalog: memory,
      fields: async () => ({ events: 0, hasOthers: false, fields: [], missingPartitions: [] }),
      rollups: {
        define: () => Promise.reject(new Error('nothing is declared here')),
        drop: () => Promise.reject(new Error('nothing is declared here')),
        inForce: () => Promise.reject(new Error('nothing is declared here')),
        ages: (tenant) => new RollupAges(tenant, memory, { head: async () => undefined }),
      },
      dashboards,
      system: { ...NOTHING, ...system },
      health: { read: async () => health ?? WELL },
      letters: NO_LETTERS,
      testEvents: { send: () => Promise.reject(new Error('nothing is sent here')) },
      alarms,
      archive: undefined,
      backup: {
        view: () => undefined,
        start: () => Promise.reject(new Error('there are no backups here')),
        cancel: async () => undefined,
      },
      erasures: {
        request: () => Promise.reject(new Error('nothing is erased here')),
        find: async () => undefined,
        list: async () => [],
      },
      cold: undefined,
      replays: undefined,
      followers: new Followers({
        follow: () => Promise.reject(new Error('there is no log here')),
      }),
      clock: systemClock,
      version: '1.2.3',
    },
    logger: recorder(errors),
    metrics: async () => 'streamgauge_up 1\n',
    readiness: () => [],
    ingestUrl: 'http://127.0.0.1:8080',
    dashboardDir: NOT_BUILT,
    ...options,
  });
  t.teardown(() => listener.close());
  return { ...listener, memory, queries, dashboards, errors };
}

const NOTHING: SystemPort = {
  actors: async () => [],
  partitions: async () => [],
  deadLetters: async () => ({ letters: [] }),
  pendingEvents: async () => ({ events: 0, isComplete: true }),
};

/** So that tests see the same wherever they run. */
const NOT_BUILT = join(tmpdir(), 'streamgauge-not-built');

const WELL: Health = {
  ...{ atMs: 0, problems: [], eventsAccepted: 0, eventsRejected: 0 },
  ...{ logBytes: 0, logBytesMax: 0, logRefusal: null, spooling: null },
  ...{ diskFreeBytes: null, diskReserveBytes: 0, archiveProblem: null, actors: [], partitions: [] },
};

function noLetters(): never {
  throw new AppError('state_io', 'there are no letters here');
}
const NO_LETTERS: LettersPort = { counts: noLetters, export: noLetters, resend: noLetters };

/** What is asked here is something else; alarms are tested with the server that has a board. */
function noBoard(): never {
  throw new AppError('actor_stopped', 'there is no alarm board');
}
export const NO_ALARMS: AlarmBoardPort = {
  alarms: noBoard,
  rules: noBoard,
  history: noBoard,
  silences: noBoard,
  receivers: noBoard,
  routes: noBoard,
  deliveries: noBoard,
  delivery: noBoard,
  board: noBoard,
  onChanges: noBoard,
  putRule: noBoard,
  removeRule: noBoard,
  putReceiver: noBoard,
  removeReceiver: noBoard,
  setRoutes: noBoard,
  setReceiverEnabled: noBoard,
  addSilence: noBoard,
  expireSilence: noBoard,
  acknowledge: noBoard,
  unacknowledge: noBoard,
  resend: noBoard,
  testReceiver: noBoard,
  testRule: noBoard,
};

function recorder(errors: LogLine[]): Logger {
  const ignore = () => {};
  return {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields, message) => void errors.push({ fields, message }),
    child: () => recorder(errors),
  };
}

/** The parts of answers that tests look into. */
interface AnswerData {
  readonly version: string;
  readonly timeseries: { readonly watermark: number | null };
  readonly ledger: { readonly balanced: boolean };
  readonly deadLetters: {
    readonly nextCursor: string | null;
    readonly letters: readonly { readonly text: string | null }[];
  };
}

export interface GraphAnswer {
  readonly status: number;
  readonly data: AnswerData | null | undefined;
  readonly errors: readonly {
    message: string;
    path?: unknown;
    extensions: Record<string, unknown>;
  }[];
}

/** One operation over POST. */
export async function ask(
  url: string,
  query: string,
  { variables, headers }: { variables?: object; headers?: Record<string, string> } = {},
): Promise<GraphAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = JSON.parse(await response.text());
  return { status: response.status, data, errors };
}
