/**
 * Requests to WebHDFS: which NameNode is the active one, who we are, and when to ask again.
 *
 * A request that changes something may be made twice, because its answer was lost: callers have to be content with that.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../../src/model/errors.ts';
import {
  ARCHIVE_CONNECTIONS_MAX,
  ARCHIVE_TIMEOUTS,
  HDFS_ANSWER_BYTES_MAX,
  HDFS_BACKOFF_MS_MAX,
  HDFS_BACKOFF_MS_MIN,
  HDFS_RETRY_MS,
} from '../limits.ts';
import { certificatesIn } from './disk-files.ts';
import {
  createHttpExchange,
  type HttpAnswer,
  type HttpBody,
  type HttpCall,
  type HttpExchange,
  HttpFailure,
  type HttpTimeouts,
} from './http-exchange.ts';
import { HdfsRefusal, hdfsRefusal } from './webhdfs-refusal.ts';

/** Given as it is, or as a file that holds it, which is read at each request: whoever renews it needs not tell us. */
export type Secret = { readonly value: string } | { readonly file: string };

/**
 * `user` is believed by a cluster without Kerberos. `delegation` is a token of HDFS; `authorization` is a header, such as
 * `Negotiate …` or what a gateway asks for.
 */
export type WebHdfsAuth =
  | { readonly user: string }
  | { readonly delegation: Secret }
  | { readonly authorization: Secret };

export interface WebHdfsClientSettings {
  /** `http://host:9870` or `https://host:9871`, all NameNodes of a cluster. */
  readonly namenodes: readonly string[];
  readonly auth?: WebHdfsAuth;
  /** A file of certificates (PEM) to trust instead of the usual ones. */
  readonly caFile?: string;
  readonly timeouts?: Partial<HttpTimeouts>;
  /** How long a call is made again and again while nobody can serve it. */
  readonly retryMs?: number;
}

export interface HdfsRequest {
  readonly method: HttpCall['method'];
  /** Absolute, not encoded. */
  readonly path: string;
  /** `op` and whatever belongs to it. */
  readonly query: Readonly<Record<string, string>>;
  /** Goes to a DataNode, to which the NameNode sends us. */
  readonly body?: HttpBody;
}

export interface WebHdfsClient {
  /**
   * Rejects with `HdfsRefusal` (never `standby` or `busy`) or `archive_unavailable`. `use` gets an answer of 2xx and may be called
   * again from the beginning, if the answer is cut off while it reads.
   */
  request<T>(request: HdfsRequest, use: (answer: HttpAnswer) => Promise<T>): Promise<T>;
  close(): void;
}

export async function openWebHdfsClient(settings: WebHdfsClientSettings): Promise<WebHdfsClient> {
  const { namenodes, auth, caFile, retryMs = HDFS_RETRY_MS } = settings;
  const ca = caFile === undefined ? undefined : await certificatesIn(caFile);
  const timeouts = { ...ARCHIVE_TIMEOUTS, ...settings.timeouts };
  const http = createHttpExchange(timeouts, ARCHIVE_CONNECTIONS_MAX, ca);
  const urls = namenodes.map((namenode) => new URL(namenode));
  const closing = new AbortController();
  let active = 0;

  return {
    async request(request, use) {
      const deadline = performance.now() + retryMs;
      const deadDatanodes = new Set<string>();
      for (let backoffMs = HDFS_BACKOFF_MS_MIN; ; backoffMs *= 2) {
        const failures: string[] = [];
        for (const index of urls.map((_, i) => (active + i) % urls.length)) {
          const namenode = urls[index] as URL;
          try {
            const answer = await exchange(http, namenode, urls, auth, request, deadDatanodes);
            const result = await use(answer);
            active = index;
            return result;
          } catch (error) {
            if (!mayPass(error)) throw error;
            if (error instanceof HttpFailure && !urls.some(({ host }) => host === error.host)) {
              if (error.address !== undefined) deadDatanodes.add(error.address);
            } else if (error instanceof HdfsRefusal && error.kind === 'noRoom') {
              // There may be no others: the next try takes whichever there is.
              deadDatanodes.clear();
            }
            failures.push(`${namenode.host}: ${error.message}`);
          }
        }
        if (performance.now() >= deadline || closing.signal.aborted) {
          throw unavailable(request.path, failures, retryMs);
        }
        await delay(Math.min(backoffMs, HDFS_BACKOFF_MS_MAX), undefined, {
          signal: closing.signal,
        }).catch(() => undefined);
      }
    },

    close() {
      closing.abort();
      http.close();
    },
  };
}

/** Another NameNode, or the same one later, may do it. */
function mayPass(error: unknown): error is Error {
  if (error instanceof HttpFailure) return true;
  return error instanceof HdfsRefusal && ['standby', 'busy', 'noRoom'].includes(error.kind);
}

const unavailable = (path: string, failures: readonly string[], retryMs: number): AppError =>
  new AppError(
    'archive_unavailable',
    `HDFS could not serve ${path} for ${retryMs} ms (${failures.join('; ')}); ` +
      'see to the NameNodes and DataNodes, both have to be reachable from here by the names they have in HDFS',
    { path },
  );

/**
 * One try with one NameNode. Data goes by way of a DataNode, to which it redirects.
 *
 * @param deadDatanodes addresses that failed; the NameNode would go on naming them for 10 minutes
 */
async function exchange(
  http: HttpExchange,
  namenode: URL,
  namenodes: readonly URL[],
  auth: WebHdfsAuth | undefined,
  { method, path, query, body }: HdfsRequest,
  deadDatanodes: ReadonlySet<string>,
): Promise<HttpAnswer> {
  const url = new URL(namenode);
  url.pathname = `/webhdfs/v1${path.split('/').map(encodeURIComponent).join('/')}`;
  const { credentials, headers } = await identity(auth);
  const excluded = deadDatanodes.size > 0 && { excludedatanodes: [...deadDatanodes].join() };
  url.search = new URLSearchParams({ ...query, ...credentials, ...excluded }).toString();

  const first = await http.send({ method, url, headers });
  if (first.status !== 307) return accepted(first);
  await textOf(first);
  const datanode = redirection(first, url);
  // What proves who we are is for those that the configuration names.
  const isOurs = namenodes.some(({ origin }) => origin === datanode.origin);
  const second = { method, url: datanode, headers: isOurs ? headers : {} };
  return accepted(await http.send(body === undefined ? second : { ...second, body }));
}

async function accepted(answer: HttpAnswer): Promise<HttpAnswer> {
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw hdfsRefusal(answer.status, await textOf(answer));
}

function redirection(answer: HttpAnswer, from: URL): URL {
  const location = answer.header('location') ?? '';
  if (!URL.canParse(location)) {
    throw new HdfsRefusal('other', `${from.host} redirects to nowhere`);
  }
  const to = new URL(location);
  if (from.protocol === 'https:' && to.protocol !== 'https:') {
    throw new HdfsRefusal(
      'other',
      `${from.host} redirects from https to http://${to.host}; set dfs.http.policy to HTTPS_ONLY`,
    );
  }
  return to;
}

async function identity(
  auth: WebHdfsAuth | undefined,
): Promise<{ credentials: Record<string, string>; headers: Record<string, string> }> {
  if (auth === undefined) return { credentials: {}, headers: {} };
  if ('user' in auth) return { credentials: { 'user.name': auth.user }, headers: {} };
  if ('delegation' in auth) {
    return { credentials: { delegation: await secretOf(auth.delegation) }, headers: {} };
  }
  return { credentials: {}, headers: { authorization: await secretOf(auth.authorization) } };
}

async function secretOf(secret: Secret): Promise<string> {
  if ('value' in secret) return secret.value;
  try {
    return (await readFile(secret.file, 'utf8')).trim();
  } catch (error) {
    const { file: path } = secret;
    const why = `cannot read what HDFS asks for from ${path}: ${error}`;
    throw new AppError('archive_denied', why, { path }, error);
  }
}

/** An answer's body as text: all of it, as HDFS pages its lists, unless somebody else answers. */
export async function textOf(answer: HttpAnswer): Promise<string> {
  return Buffer.from(await bytesOf(answer, HDFS_ANSWER_BYTES_MAX)).toString();
}

/** Reads up to `bytesMax`, and lets go of the rest. */
export async function bytesOf(answer: HttpAnswer, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(chunks);
}
