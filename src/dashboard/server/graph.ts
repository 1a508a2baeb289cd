/** Questions to the server: one answer by POST, or live by one WebSocket for the whole page. Never again and again by a timer. */
import { type Client, createClient } from 'graphql-ws';

/** What a server has refused, or could not be asked. */
export class AskError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Rejects with an `AskError`. */
export async function fetchJson<Body>(path: string, request: RequestInit): Promise<Body> {
  const response = await fetch(path, request).catch(() => {
    throw new AskError('away', 'The server does not answer. Is it running, and is the network up?');
  });
  return response.json().catch(() => {
    const expected = `Expected JSON from ${path}, received something else with status ${response.status}.`;
    const advice = 'Does a proxy answer instead of the server? Its log says why.';
    throw new AskError('no_json', `${expected} ${advice}`);
  });
}

interface GraphError {
  readonly message: string;
  readonly extensions?: { readonly code?: string };
}

/** Rejects with an `AskError`. `key` is that of a shared link; without one the session's cookie says who asks. */
export async function ask<Data>(
  query: string,
  variables: object = {},
  key?: string | undefined,
): Promise<Data> {
  const answer = await fetchJson<{ data?: Data; errors?: GraphError[] }>('/graphql', {
    method: 'POST',
    // Who is signed in and opens a link sees what the link shows.
    credentials: key === undefined ? 'same-origin' : 'omit',
    headers: {
      'content-type': 'application/json',
      ...(key !== undefined && { authorization: bearer(key) }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors = [] } = answer;
  const [error] = errors;
  if (error !== undefined) throw askError(error);
  if (data == null) throw new AskError('empty', 'The server has answered nothing.');
  return data;
}

const bearer = (key: string): string => `Bearer ${key}`;

const askError = ({ message, extensions }: GraphError): AskError =>
  new AskError(extensions?.code ?? 'unknown', message);

export type Connection = 'connecting' | 'open' | 'lost';

export interface Live {
  /** Goes on over lost connections, each time with a fresh snapshot. Answers what ends it. */
  subscribe<Data>(query: string, variables: object, listener: Listener<Data>): () => void;
  close(): void;
}

export interface Listener<Data> {
  readonly told: (data: Data) => void;
  readonly failed: (error: AskError) => void;
}

/** The key does not count any more: signed out elsewhere, or for too long; a shared link that was ended. */
const FORBIDDEN = 4403;
const RETRY_MS = { first: 500, most: 15_000 };
/** How often a server is asked whether it is there. */
const KEEP_ALIVE_MS = 8_000;
/**
 * One that answers nothing for so long counts as gone: its machine may be, without a word. Shorter, and a slow network that is busy with
 * one large message would count as gone, too.
 */
const ANSWER_MS = { ping: 12_000, connect: 20_000 };

/** `key` as of `ask`. */
export function openLive(
  connectionChanged: (connection: Connection) => void,
  forbidden: () => void,
  key?: string,
): Live {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  let isForbidden = false;
  let patience: ReturnType<typeof setTimeout> | undefined;
  const heard = () => clearTimeout(patience);
  const awaitAnswer = (ms: number) => {
    heard();
    patience = setTimeout(() => client.terminate(), ms);
  };
  const client: Client = createClient({
    url: `${scheme}//${location.host}/graphql`,
    ...(key !== undefined && { connectionParams: { authorization: bearer(key) } }),
    // Also where nothing is subscribed to: a page is told that the server, or its session, is gone.
    lazy: false,
    onNonLazyError: () => connectionChanged('lost'),
    keepAlive: KEEP_ALIVE_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: () => !isForbidden,
    retryWait: (attempt) => waited(Math.min(RETRY_MS.first * 2 ** attempt, RETRY_MS.most)),
    on: {
      connecting: () => awaitAnswer(ANSWER_MS.connect),
      ping: (isFromServer) => {
        if (!isFromServer) awaitAnswer(ANSWER_MS.ping);
      },
      message: heard,
      connected: () => connectionChanged('open'),
      closed: (event) => {
        heard();
        if (event instanceof CloseEvent && event.code === FORBIDDEN) {
          isForbidden = true;
          forbidden();
        } else {
          connectionChanged('lost');
        }
      },
    },
  });
  return {
    subscribe<Data>(query: string, variables: object, { told, failed }: Listener<Data>) {
      return client.subscribe<Data>(
        { query, variables: { ...variables } },
        {
          next({ data, errors }) {
            if (data != null) told(data);
            const [error] = errors ?? [];
            if (error !== undefined) failed(askError({ ...error, extensions: codeOf(error) }));
          },
          error(error) {
            const [first] = Array.isArray(error) ? error : [];
            if (first !== undefined) failed(askError({ ...first, extensions: codeOf(first) }));
          },
          complete() {},
        },
      );
    },
    close: () => void client.dispose(),
  };
}

const codeOf = ({ extensions }: { extensions?: unknown }): { code?: string } => {
  const { code } = (extensions ?? {}) as { code?: unknown };
  return typeof code === 'string' ? { code } : {};
};

/** Not all pages of a server that comes back at the same moment. */
const waited = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms * (0.75 + Math.random() / 2)));
