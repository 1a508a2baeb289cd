/**
 * Statements of users over their streams. Two walls stand before everything else: the statement's tree is judged, and
 * whatever passes runs in a database that can read the files of these streams and nothing else.
 */
import { AppError } from '../../src/model/errors.ts';
import { SQL_LENGTH_MAX } from './limits.ts';
import type { EventTools } from './question-tools.ts';
import type { SqlAnswer, SqlQuestion } from './questions.ts';
import { leaseParts, type PartLease } from './segment-parts.ts';
import type { Snapshot, Snapshots, StreamSnapshot } from './snapshots.ts';
import { chunkSources, type Source, segmentSource, tableOf } from './sources.ts';
import { streamsRead } from './sql-judge.ts';

export async function answerSql(
  tools: EventTools,
  snapshots: Pick<Snapshots, 'take'>,
  { tenant, query, limit }: SqlQuestion,
): Promise<SqlAnswer> {
  if (query.length > SQL_LENGTH_MAX) {
    throw invalid(`a statement may have ${SQL_LENGTH_MAX} characters, received ${query.length}`);
  }
  const names = streamsRead(await tools.duck.parse(query));
  checkCase(names);
  const snapshot = await snapshots.take(tenant, names);
  try {
    const streams = names.map((name) => streamOf(snapshot, name));
    return await run(tools, streams, query, limit);
  } finally {
    snapshot.release();
  }
}

async function run(
  tools: EventTools,
  streams: readonly StreamSnapshot[],
  query: string,
  limit: number,
): Promise<SqlAnswer> {
  const leases: PartLease[] = [];
  try {
    const tables: { readonly stream: StreamSnapshot; readonly sources: readonly Source[] }[] = [];
    for (const stream of streams) {
      const lease = await leaseParts(tools, stream.files, stream.files);
      leases.push(lease);
      const segments = lease.parts.map((part) => segmentSource(part, stream.schema));
      tables.push({ stream, sources: [...segments, ...chunkSources(stream)] });
    }
    return await tools.duck.run({
      author: 'user',
      sql: query,
      parameters: [],
      views: tables.map(({ stream, sources }) => ({
        name: stream.stream,
        sql: tableOf(stream.schema, sources),
      })),
      paths: tables.flatMap(({ sources }) => sources.map(({ path }) => path)),
      rowsMax: limit,
      timeoutMs: tools.timeLeftMs(),
    });
  } finally {
    for (const lease of leases) lease.release();
  }
}

/** DuckDB takes names without regard to case, streams have it. */
function checkCase(names: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const other = seen.get(name.toLowerCase());
    if (other !== undefined) {
      throw invalid(`"${other}" and "${name}" differ in case only: read them in two statements`);
    }
    seen.set(name.toLowerCase(), name);
  }
}

function streamOf({ streams, archivedStreams }: Snapshot, name: string): StreamSnapshot {
  const found = streams.get(name);
  if (found !== undefined) return found;
  const known = archivedStreams.map((stream) => `"${stream}"`).join(', ');
  throw invalid(
    `no events of a stream "${name}" are known; archived are: ${known === '' ? 'none yet' : known}`,
  );
}

const invalid = (message: string): AppError => new AppError('query_invalid', message);
