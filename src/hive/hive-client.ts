/**
 * One session with HiveServer2 over Thrift. The driver waits for ever for an answer that does not come, also for one
 * to a greeting that the server does not understand, and does not tell a call that its connection is gone: so each call has
 * a time limit here and ends with the socket.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HiveClient } from 'hive-driver';
import { AppError } from '../model/errors.ts';
import {
  CALL_MS_MAX,
  CLOSE_MS_MAX,
  CONNECT_MS_MAX,
  POLL_MS_MAX,
  POLL_MS_MIN,
  PROBLEM_LENGTH_MAX,
  ROWS_MAX,
  ROWS_PER_FETCH,
  STATEMENT_MS_MAX,
} from './limits.ts';

export interface HiveServer {
  readonly host: string;
  readonly port: number;
  /** As `hive.server2.authentication` is there: `plain` for NONE, LDAP, PAM and CUSTOM, `nosasl` for NOSASL. */
  readonly auth: 'plain' | 'nosasl';
  readonly user: string;
  /** Of `plain`. With NONE Hive takes any. */
  readonly password?: string | undefined;
  /** As `hive.server2.use.SSL` is there. The server's certificate is checked. */
  readonly tls: boolean;
  /** Certificates (PEM) to trust instead of the usual ones. */
  readonly caFile?: string | undefined;
}

export type HiveRow = Readonly<Record<string, unknown>>;

/** One statement at a time. Calls reject with `hive_refused`, after which others may go well, or `hive_unavailable`, after which none will. */
export interface HiveConnection {
  /** The rows of the answer, by the names of its columns; none of a statement that is no question. */
  run(statement: string): Promise<HiveRow[]>;
  /** Takes leave in the background. The server ends what still runs in the session. */
  close(): void;
}

/** `CONNECT_MS_MAX` etc.; tests pass shorter ones. */
export interface HiveTimeouts {
  readonly connectMs: number;
  readonly callMs: number;
  readonly statementMs: number;
}

/** The protocol wants one where the server does not; Hive's own clients send this. */
const PASSWORD_DEFAULT = 'anonymous';

const TIMEOUTS: HiveTimeouts = {
  connectMs: CONNECT_MS_MAX,
  callMs: CALL_MS_MAX,
  statementMs: STATEMENT_MS_MAX,
};

/** Rejects with `hive_unavailable`. `signal` ends the attempt, or later the connection. */
export async function connectHive(
  server: HiveServer,
  signal?: AbortSignal,
  timeouts: HiveTimeouts = TIMEOUTS,
): Promise<HiveConnection> {
  // Loaded when it is needed: most servers have no Hive, and save 20 MB.
  const { default: driver } = await import('hive-driver');
  const line = new Line(`${server.host}:${server.port}`);
  const onAbort = () => line.cut('this server is stopping');
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const session = await line
    .call(timeouts.connectMs, () => openSession(driver, server, line))
    .catch((error: unknown) => {
      signal?.removeEventListener('abort', onAbort);
      throw line.cut(messageOf(error));
    });
  return {
    run: (statement) => runStatement(driver, session, statement, line, timeouts),
    close: () => {
      signal?.removeEventListener('abort', onAbort);
      line
        .call(CLOSE_MS_MAX, () => session.close())
        .catch(() => undefined)
        .finally(() => line.cut('it was closed'));
    },
  };
}

type Driver = typeof import('hive-driver');
type Authentication = NonNullable<Parameters<HiveClient['connect']>[2]>;
type Session = Awaited<ReturnType<HiveClient['openSession']>>;
type Operation = Awaited<ReturnType<Session['executeStatement']>>;

async function openSession(driver: Driver, server: HiveServer, line: Line): Promise<Session> {
  const { host, port, auth, user, password = PASSWORD_DEFAULT } = server;
  const { TCLIService, TCLIService_types: types } = driver.thrift;
  const inner =
    auth === 'plain'
      ? new driver.auth.PlainTcpAuthentication({ username: user, password })
      : new driver.auth.NoSaslAuthentication();
  const authentication: Authentication = {
    authenticate: (transport) => {
      const authenticated = inner.authenticate(transport);
      line.watch(transport.getTransport());
      return authenticated;
    },
  };
  const client = new driver.HiveClient(TCLIService, types);
  client.on('error', (error: unknown) => line.cut(messageOf(error)));
  await client.connect(
    { host, port, options: await connectionOptions(server) },
    new driver.connections.TcpConnection(),
    authentication,
  );
  return client.openSession({
    client_protocol: types.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V10,
    username: user,
  });
}

async function runStatement(
  driver: Driver,
  session: Session,
  statement: string,
  line: Line,
  { callMs, statementMs }: HiveTimeouts,
): Promise<HiveRow[]> {
  const call = <T>(work: () => Promise<T>): Promise<T> => line.call(callMs, work);
  const operation = await call(() => session.executeStatement(statement, { runAsync: true }));
  try {
    const endMs = performance.now() + statementMs;
    for (let waitMs = POLL_MS_MIN; ; waitMs = Math.min(2 * waitMs, POLL_MS_MAX)) {
      if (isFinished(driver, await call(() => operation.status(false)))) break;
      if (performance.now() > endMs) {
        throw line.cut(`a statement has not ended after ${statementMs} ms`);
      }
      await sleep(waitMs);
    }
    return await fetchRows(driver, operation, call);
  } finally {
    // How the statement went is known; a lost connection shows at the next one.
    await call(() => operation.close()).catch(() => undefined);
  }
}

/** Throws `hive_refused` if it has failed. */
function isFinished(
  { thrift }: Driver,
  { operationState, errorMessage }: Awaited<ReturnType<Operation['status']>>,
): boolean {
  const states = thrift.TCLIService_types.TOperationState;
  switch (operationState) {
    case states.FINISHED_STATE:
      return true;
    case states.INITIALIZED_STATE:
    case states.PENDING_STATE:
    case states.RUNNING_STATE:
      return false;
    default:
      throw refused(errorMessage ?? `the statement came to state ${operationState}`);
  }
}

async function fetchRows(
  driver: Driver,
  operation: Operation,
  call: <T>(work: () => Promise<T>) => Promise<T>,
): Promise<HiveRow[]> {
  const results = new driver.HiveUtils(driver.thrift.TCLIService_types);
  const rows: HiveRow[] = [];
  operation.setMaxRows(ROWS_PER_FETCH);
  do {
    await call(() => operation.fetch());
    const found: unknown = results.getResult(operation).getValue();
    if (Array.isArray(found)) for (const row of found) rows.push(row);
    operation.flush();
    if (rows.length > ROWS_MAX) throw refused(`an answer has more than ${ROWS_MAX} rows`);
  } while (operation.hasMoreRows());
  return rows;
}

/** The driver checks no certificate unless it is told to. */
async function connectionOptions({ tls, caFile }: HiveServer): Promise<Record<string, unknown>> {
  if (!tls) return {};
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile) };
  return { ssl: true, rejectUnauthorized: true, ...ca };
}

/** A socket, and the calls that end with it. */
class Line {
  readonly #address: string;
  readonly #waiting = new Set<(fault: AppError) => void>();
  #socket: Socket | undefined;
  #fault: AppError | undefined;

  constructor(address: string) {
    this.#address = address;
  }

  watch(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', (error) => this.cut(error.message));
    socket.on('close', () => this.cut('the server closed the connection'));
    if (this.#fault !== undefined) socket.destroy();
  }

  async call<T>(msMax: number, work: () => Promise<T>): Promise<T> {
    if (this.#fault !== undefined) throw this.#fault;
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => this.cut(`no answer after ${msMax} ms`), msMax);
    this.#waiting.add(reject);
    try {
      return await Promise.race([work(), ended]);
    } catch (error) {
      throw error instanceof AppError ? error : this.#faultOf(error);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }

  /** Ends every call, now and later. Answers why, which is what it was cut for first. */
  cut(why: string): AppError {
    this.#fault ??= new AppError(
      'hive_unavailable',
      `Hive on ${this.#address} is out of reach: ${why}`,
    );
    this.#socket?.destroy();
    for (const reject of this.#waiting) reject(this.#fault);
    return this.#fault;
  }

  #faultOf(error: unknown): AppError {
    const why = messageOf(error);
    // The server has forgotten the session: it was restarted behind a proxy, or has let it expire.
    const isOver = /invalid\s*(session|operation)\s*handle/i.test(why);
    return isOver ? this.cut(why) : refused(why);
  }
}

const refused = (why: string): AppError =>
  new AppError('hive_refused', `Hive says: ${why.slice(0, PROBLEM_LENGTH_MAX)}`);

/** The driver throws things that are no errors, but have a message. */
function messageOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  return 'message' in error && error.message !== '' ? String(error.message) : String(error);
}
