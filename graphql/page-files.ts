/** The dashboard as it was built: a page, and files that its names say the contents of. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { acceptsGzip } from '../src/model/accepts-gzip.ts';
import type { Exchange } from './http.ts';

/** Where `npm ci` builds it. */
export const DASHBOARD_DIR = fileURLToPath(new URL('../.dashboard', import.meta.url));

/** What the page shows, each by its own address: all of them are the same file. */
const PAGE_PATHS: ReadonlySet<string> = new Set([
  '/',
  '/explore',
  '/dashboards',
  '/shared',
  '/events',
  '/alarms',
  '/system',
]);

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Nothing but files of this server: no script or style in the page itself, no frame around it, and nobody else is asked or told
 * from where somebody comes.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

/** The names change with the contents, so a browser never asks twice. */
const FOR_GOOD = 'public, max-age=31536000, immutable';

interface PageFile {
  readonly plain: Buffer<ArrayBuffer>;
  readonly gzipped: Buffer<ArrayBuffer>;
  readonly headers: Readonly<Record<string, string>>;
}

/** Answers what is the dashboard's, and whether it was. */
export type PageFiles = (exchange: Exchange) => Promise<boolean>;

/** Undefined: it has not been built. Some 100 KB, read and packed when somebody first asks, and kept. */
export function openPageFiles(dir: string): PageFiles | undefined {
  const paths = new Set(pathsIn(dir));
  if (!paths.has('/index.html')) return undefined;
  const kept = new Map<string, PageFile>();
  const fileAt = (path: string): PageFile => {
    const file = kept.get(path) ?? readPageFile(dir, path);
    kept.set(path, file);
    return file;
  };
  return async (exchange) => {
    const { method, path, headers } = exchange.head;
    const isPage = PAGE_PATHS.has(path);
    if (method !== 'get' || !(isPage || (path !== '/index.html' && paths.has(path)))) return false;
    const file = fileAt(isPage ? '/index.html' : path);
    const isGzip = acceptsGzip(headers.get('accept-encoding') ?? '');
    await exchange.respond(
      new Response(isGzip ? file.gzipped : file.plain, {
        headers: { ...file.headers, ...(isGzip && { 'content-encoding': 'gzip' }) },
      }),
    );
    return true;
  };
}

function pathsIn(dir: string): string[] {
  try {
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .map((path) => `/${path}`)
      .filter((path) => path === '/index.html' || extname(path) in TYPES);
  } catch {
    return [];
  }
}

function readPageFile(dir: string, path: string): PageFile {
  const plain = readFileSync(join(dir, path));
  const isPage = path === '/index.html';
  return {
    plain,
    gzipped: gzipSync(plain),
    headers: {
      'content-type': isPage ? 'text/html; charset=utf-8' : (TYPES[extname(path)] ?? ''),
      'cache-control': isPage ? 'no-cache' : FOR_GOOD,
      vary: 'accept-encoding',
      ...(isPage ? PAGE_HEADERS : { 'x-content-type-options': 'nosniff' }),
    },
  };
}
