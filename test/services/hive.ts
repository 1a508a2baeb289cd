/** Statements for a HiveServer2, each with a time limit: its driver waits for ever for an answer that does not come. */
import { setTimeout as after } from 'node:timers/promises';
import hive from 'hive-driver';

export interface HiveSession {
  /** The rows of a statement; none of one that is no query. */
  execute(statement: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const STATEMENT_MS_MAX = 60_000;
const { TCLIService, TCLIService_types } = hive.thrift;

export async function openSession(server: { host: string; port: number }): Promise<HiveSession> {
  const client = await inTime(
    new hive.HiveClient(TCLIService, TCLIService_types).connect(
      { host: server.host, port: server.port },
      new hive.connections.TcpConnection(),
      new hive.auth.PlainTcpAuthentication({ username: 'streamgauge', password: 'any' }),
    ),
  );
  // A connection that breaks is told by the statement that fails; without a listener it would end the process.
  client.on('error', () => undefined);
  const session = await inTime(
    client.openSession({
      client_protocol: TCLIService_types.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V10,
    }),
  );
  const tools = new hive.HiveUtils(TCLIService_types);
  return {
    execute: async (statement) => {
      const operation = await inTime(session.executeStatement(statement, { runAsync: true }));
      await inTime(tools.waitUntilReady(operation, false, () => undefined)).catch(withReason);
      await inTime(tools.fetchAll(operation));
      const rows: unknown = tools.getResult(operation).getValue();
      await inTime(operation.close());
      return Array.isArray(rows) ? rows : [];
    },
    close: async () => {
      await inTime(session.close());
      client.close();
    },
  };
}

/** The driver says only that a statement failed; why stands in the answer that the error carries. */
function withReason(error: Error & { response?: { errorMessage?: string | null } }): never {
  throw new Error(error.response?.errorMessage ?? error.message, { cause: error });
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = after(STATEMENT_MS_MAX, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`HiveServer2 has not answered after ${STATEMENT_MS_MAX} ms`);
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}
