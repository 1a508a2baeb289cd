/**
 * One statement of a question. A user's runs in a database of its own that can read the files of the question and nothing
 * else: whatever the statement says, DuckDB itself keeps it to them. It runs where it does no harm, in a process of its own.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { AppError } from '../../src/model/errors.ts';
import { type Duck, openDuck, openUnused, type UnusedDuck } from '../../storage/segments/duckdb.ts';
import { identifier } from '../../storage/segments/segment-columns.ts';
import { typesOf } from './bound-values.ts';
import type { CopyOutput } from './duck-copy.ts';
import { plainValues } from './duck-values.ts';
import { ANSWER_BYTES_MAX, SPILL_BYTES_MAX } from './limits.ts';
import type {
  CopyQuestion,
  DuckLimits,
  DuckQuestion,
  ExportAnswer,
  SqlAnswer,
} from './questions.ts';

export function runStatement(limits: DuckLimits, question: DuckQuestion): Promise<SqlAnswer> {
  return question.author === 'server' ? runOurs(limits, question) : runUsers(limits, question);
}

/** Of a process: for what it is asked by the server itself. */
let staying: Promise<Duck> | undefined;

function runOurs(limits: DuckLimits, question: DuckQuestion): Promise<SqlAnswer> {
  return onStaying(limits, question, (connection) => read(connection, question));
}

/** One statement of an export, of the server itself. */
export function runCopy(
  limits: DuckLimits,
  question: CopyQuestion,
  output: CopyOutput,
): Promise<ExportAnswer> {
  return onStaying(limits, question, (connection, tempDir) =>
    output.copy(connection, tempDir, question),
  );
}

async function onStaying<T>(
  limits: DuckLimits,
  question: Pick<DuckQuestion, 'paths' | 'timeoutMs'>,
  work: (connection: DuckDBConnection, tempDir: string) => Promise<T>,
): Promise<T> {
  const tempDir = join(limits.tempDir, 'server');
  const { folders } = limits;
  await mkdir(tempDir, { recursive: true });
  staying ??= openDuck({ ...limits, tempDir, tempBytesMax: SPILL_BYTES_MAX, folders });
  const connection = await (await staying).connect();
  try {
    return await timed(connection, question, () => work(connection, tempDir));
  } finally {
    connection.disconnectSync();
  }
}

/** Of a process: for the next statement of a user. */
let unused: Promise<UnusedDuck> | undefined;
/** In which the last one ran. */
let used: Duck | undefined;

/** Opens the database of the next statement of a user, and closes that of the last one, while nobody waits for either. */
export function openAhead(limits: DuckLimits): void {
  closeUsed();
  unused ??= openNext(limits);
  // Whoever needs it is told.
  unused.catch(() => undefined);
}

async function openNext(limits: DuckLimits): Promise<UnusedDuck> {
  const tempDir = userDir(limits);
  await rm(tempDir, { recursive: true, force: true });
  await mkdir(tempDir, { recursive: true });
  return openUnused({ ...limits, tempDir, tempBytesMax: SPILL_BYTES_MAX });
}

function closeUsed(): void {
  used?.close();
  used = undefined;
}

const userDir = ({ tempDir }: DuckLimits): string => join(tempDir, 'user');

async function runUsers(limits: DuckLimits, question: DuckQuestion): Promise<SqlAnswer> {
  closeUsed();
  const opened = unused ?? openNext(limits);
  unused = undefined;
  used = await (await opened).confined({ folders: [], files: question.paths });
  const connection = await used.connect();
  try {
    return await timed(connection, question, async () => {
      for (const { name, sql } of question.views) {
        await connection.run(`CREATE VIEW ${identifier(name)} AS ${sql}`);
      }
      return await read(connection, question);
    });
  } finally {
    connection.disconnectSync();
  }
}

/** Longest that parsing a statement may take. */
const PARSE_TIMEOUT_MS = 5_000;
/** Of a process: the parser looks at texts only, and nothing of them stays. */
let parser: Promise<DuckDBConnection> | undefined;

/** The statement's tree as `json_serialize_sql` writes it, which takes SELECTs only. */
export async function parseStatement(limits: DuckLimits, query: string): Promise<string> {
  parser ??= openDuck({ ...limits, tempDir: join(limits.tempDir, 'parser'), folders: [] }).then(
    (duck) => duck.connect(),
  );
  const connection = await parser;
  return timed(connection, { paths: [], timeoutMs: PARSE_TIMEOUT_MS }, async () => {
    const sql = 'SELECT json_serialize_sql($1::VARCHAR)::VARCHAR';
    const [[tree] = []] = (await connection.runAndReadAll(sql, [query])).getRows();
    return String(tree);
  });
}

async function timed<T>(
  connection: DuckDBConnection,
  { paths, timeoutMs }: Pick<DuckQuestion, 'paths' | 'timeoutMs'>,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setTimeout(() => connection.interrupt(), Math.max(1, timeoutMs));
  try {
    return await work();
  } catch (error) {
    throw faultOf(error, paths);
  } finally {
    clearTimeout(timer);
  }
}

/** Rows are computed as they are read: what is not answered is not computed either. */
async function read(
  connection: DuckDBConnection,
  { sql, parameters, rowsMax }: DuckQuestion,
): Promise<SqlAnswer> {
  const duck = await import('@duckdb/node-api');
  const plain = plainValues(duck);
  const result = await connection.stream(sql, [...parameters], typesOf(duck, parameters));
  const types = result.columnTypes();
  const columns = result.columnNames().map((name, i) => ({ name, type: String(types[i]) }));
  const rows: unknown[][] = [];
  let bytes = 0;
  for await (const some of result.yieldRows()) {
    for (const each of some) {
      const row = each.map(plain);
      bytes += JSON.stringify(row).length;
      const isFull = rows.length >= rowsMax || (rows.length > 0 && bytes > ANSWER_BYTES_MAX);
      if (isFull) return { columns, rows, isTruncated: true };
      rows.push(row);
    }
  }
  return { columns, rows, isTruncated: false };
}

/** How DuckDB begins what it says about a statement; the rest is about files and itself. */
const ABOUT_STATEMENT =
  /^(Parser|Syntax|Binder|Catalog|Conversion|Invalid Input|Invalid|Out of Range|Not implemented|Mismatch Type|Constraint|Expression|Parameter Not Resolved|Unhandled|Executor|Permission) Error/;

function faultOf(error: unknown, paths: readonly string[]): unknown {
  if (!(error instanceof Error)) return error;
  const { message } = error;
  if (message.startsWith('INTERRUPT Error')) {
    return new AppError(
      'query_timeout',
      'the statement took too long and was stopped: ask for less',
    );
  }
  if (/^Out of Memory Error/.test(message) || message.includes('std::bad_alloc')) {
    return new AppError(
      'query_overload',
      'the statement takes more memory or disk than "cold.memoryBytesMax" allows: ask for less',
    );
  }
  const isTold = ABOUT_STATEMENT.test(message);
  return new AppError(
    isTold ? 'query_invalid' : 'archive_io',
    isTold ? without(paths, message) : message,
  );
}

/** Where files lie is nobody's business. */
const without = (paths: readonly string[], message: string): string =>
  paths.reduce((text, path) => text.replaceAll(path, '…'), message);
