/** Who looks at the page: what the server says of it, signing in and out. */
import { AskError, fetchJson } from './graph.ts';

export interface Session {
  readonly version: string;
  readonly ingestUrl: string;
  readonly needsKey: boolean;
  /** Null: somebody has to sign in. */
  readonly access: {
    readonly key: string;
    readonly tenant: string;
    readonly scopes: readonly string[];
  } | null;
}

/** Rejects with an `AskError`, as all of them do. */
export const readSession = (): Promise<Session> => send('GET');

export const signIn = (key: string): Promise<Session> => send('POST', { key });

export async function signOut(): Promise<void> {
  await fetch('/session', { method: 'DELETE' });
}

/** `admin` may do what `read` may. */
export const may = ({ access }: Session, scope: string): boolean =>
  access?.scopes.includes(scope) ?? false;

async function send(method: 'GET' | 'POST', body?: object): Promise<Session> {
  const answer = await fetchJson<Session & { error?: { code: string; message: string } }>(
    '/session',
    {
      method,
      ...(body && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    },
  );
  if (answer.error !== undefined) throw new AskError(answer.error.code, answer.error.message);
  return answer;
}

/** Where the page's own machine reaches the ingest listener: one that listens on every address has no name of its own. */
export function ingestUrlFor({ ingestUrl }: Session, hostName: string): string {
  const url = new URL(ingestUrl);
  if (url.hostname === '0.0.0.0' || url.hostname === '[::]') url.hostname = hostName;
  return url.origin;
}
