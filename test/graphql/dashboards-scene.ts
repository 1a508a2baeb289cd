/** A query listener with two tenants, for tests of saved dashboards and of links to them. */
import type { ExecutionContext } from 'ava';
import { createClient } from 'graphql-ws';
import { hashSecret } from '../../src/model/access.ts';
import { type ListenerParts, openTestListener } from './listener.ts';

export const KEYS = [
  { id: 'admin', tenant: 'default', scopes: ['admin'], hash: hashSecret('sg_admin') },
  { id: 'reader', tenant: 'default', scopes: ['read'], hash: hashSecret('sg_reader') },
  { id: 'other', tenant: 'other', scopes: ['admin'], hash: hashSecret('sg_other') },
] as const;

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: of whatever was asked
  readonly data: any;
  readonly errors: readonly {
    readonly message: string;
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

export interface Problem {
  readonly path: string;
  readonly message: string;
}

export interface Put {
  readonly dashboard: { readonly id: string; readonly version: number } | null;
  readonly problems: readonly Problem[];
}

/** One operation over POST, with the key if there is one. */
export async function askWith(
  url: string,
  key: string | undefined,
  query: string,
  variables: object = {},
): Promise<Answer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = JSON.parse(await response.text());
  return { status: response.status, data, errors };
}

/** With the key in `connection_init`, as a page sends it. */
export function socketWith(t: ExecutionContext, url: string, key: string) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
    lazy: true,
  });
  t.teardown(() => void client.dispose());
  return client;
}

export async function dashboardsScene(t: ExecutionContext, parts: ListenerParts = {}) {
  const listener = await openTestListener(t, { keys: KEYS, ...parts });
  const { url } = listener;
  const ask = (query: string, variables?: object, key = 'sg_admin') =>
    askWith(url, key, query, variables);
  const put = async (input: object, key?: string): Promise<Put> => {
    const { data, errors } = await ask(
      `mutation ($input: DashboardInput!) {
        putDashboard(input: $input) { dashboard { id version } problems { path message } }
      }`,
      { input },
      key,
    );
    if (errors[0] !== undefined) throw new Error(errors[0].message);
    return data.putDashboard;
  };
  /** Of the panel `p`. Answers the dashboard's id. */
  const putQuestion = async (question: object, id?: string): Promise<string> => {
    const panels = [{ id: 'p', title: 'P', show: 'CHART', question }];
    const { dashboard, problems } = await put({ id, name: 'D', panels });
    if (dashboard === null) throw new Error(JSON.stringify(problems));
    return dashboard.id;
  };
  const share = async (id: string, key?: string): Promise<{ id: string; secret: string }> => {
    const { data } = await ask(
      `mutation { shareDashboard(id: "${id}", name: "Ann") { share { id name } secret problems { message } } }`,
      {},
      key,
    );
    const { share: made, secret } = data.shareDashboard;
    return { id: made.id, secret };
  };
  const endShare = async (id: string): Promise<boolean> =>
    (await ask(`mutation { endShare(id: "${id}") }`)).data.endShare;
  return { ...listener, ask, put, putQuestion, share, endShare };
}
