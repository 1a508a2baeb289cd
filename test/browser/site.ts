/** A real server for the pages to ask, and events for it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Server } from '../../load-tests/server.ts';
import { hashSecret } from '../../src/model/access.ts';

/** Killed with the test; its folder goes with it. */
export async function site(t: ExecutionContext, config: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-dashboard-'));
  const server = await Server.prepare({ folder, partitions: 2, config: { ...config } });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return { server, url: `http://${server.host}:${server.queryPort}` };
}

/** Resolves when they are durable. */
export async function send(
  server: Server,
  events: readonly object[],
  key?: string,
  stream = 'events',
): Promise<void> {
  await fetch(`http://${server.host}:${server.ingestPort}/v1/events?stream=${stream}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      ...(key && { authorization: `Bearer ${key}` }),
    },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  });
}

/** Puts a dashboard as a program does; answers its id. */
export async function put(url: string, panels: readonly object[]): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query:
        'mutation ($input: DashboardInput!) { putDashboard(input: $input) { dashboard { id } } }',
      variables: { input: { name: 'By a program', panels } },
    }),
  });
  const { data } = (await response.json()) as {
    readonly data: { readonly putDashboard: { readonly dashboard: { readonly id: string } } };
  };
  return data.putDashboard.dashboard.id;
}

export function keyOf(id: string, tenant: string, secret: string, scopes: readonly string[]) {
  return { id, tenant, scopes, hash: `sha256:${hashSecret(secret)}` };
}
