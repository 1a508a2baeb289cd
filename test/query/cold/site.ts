/** A server as it is run, with events sent to it and questions about them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '../../../load-tests/server.ts';
import { sendApplied } from '../../send-applied.ts';

export interface Site {
  readonly server: Server;
  readonly folder: string;
  close(): Promise<void>;
}

export async function openSite(config: Readonly<Record<string, unknown>> = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({
    folder,
    partitions: 3,
    config: { commit: { intervalMs: 100 }, ...config },
  });
  await server.start();
  const close = async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  };
  return { server, folder, close };
}

const withKey = (key: string | undefined) =>
  key === undefined ? {} : { authorization: `Bearer ${key}` };

/** Answers the position: questions that are given it see these events. */
export const send = (
  { server }: Site,
  stream: string,
  events: readonly object[],
  key?: string,
): Promise<string> => sendApplied(server, stream, events, key);

/** Rejects with the message of the first error of the answer. */
export async function ask<T>(
  { server }: Site,
  query: string,
  variables: object,
  key?: string,
): Promise<T> {
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...withKey(key) },
    body: JSON.stringify({ query, variables }),
  });
  const answer: { data?: T; errors?: readonly { readonly message: string }[] } = JSON.parse(
    await response.text(),
  );
  const [error] = answer.errors ?? [];
  if (error !== undefined || answer.data === undefined) {
    throw new Error(error?.message ?? 'no data', { cause: error });
  }
  return answer.data;
}

export interface Found {
  readonly id: string;
  readonly ts: number;
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Page {
  readonly events: readonly Found[];
  readonly nextCursor: string | null;
}

export interface EventsArguments {
  readonly stream: string;
  readonly from?: number;
  readonly to?: number;
  readonly where?: object;
  readonly contains?: string;
  readonly first?: number;
  readonly after?: string | null;
  readonly position?: string;
}

export async function page(site: Site, args: EventsArguments, key?: string): Promise<Page> {
  const query = `query ($stream: String!, $from: Timestamp, $to: Timestamp, $where: EventWhere,
    $contains: String, $first: Int!, $after: String, $position: String) {
    events(stream: $stream, from: $from, to: $to, where: $where, contains: $contains, first: $first,
      after: $after, position: $position) { nextCursor events { id ts type fields } }
  }`;
  const variables = { first: 1_000, ...args };
  return (await ask<{ events: Page }>(site, query, variables, key)).events;
}

export interface SqlAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

export async function sql(
  site: Site,
  query: string,
  rest: { readonly position?: string; readonly limit?: number } = {},
  key?: string,
): Promise<SqlAnswer> {
  const text = `query ($query: String!, $position: String, $limit: Int!) {
    sql(query: $query, position: $position, limit: $limit) { columns { name type } rows truncated }
  }`;
  const variables = { limit: 1_000, query, ...rest };
  return (await ask<{ sql: SqlAnswer }>(site, text, variables, key)).sql;
}

/** Brings what was sent up to `position` into the archive. */
export async function archive(site: Site, position: string, key?: string): Promise<void> {
  // It is committed once it can be asked for.
  await page(site, { stream: 'none', position }, key);
  await ask(site, 'mutation { archiveNow { rows } }', {}, key);
}
