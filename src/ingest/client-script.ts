/** `GET /client.js`, and HEAD: the client for pages, from where it sends its events. */

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { acceptsGzip } from '../model/accepts-gzip.ts';
import { isHead } from './exchange.ts';

/** A new release reaches pages within it; browsers that ask again get 304 for what they have. */
const FRESH_S = 3_600;

/** Any page may load it; which may send is told by `cors.origins`. */
const HEADERS = [
  ['Content-Type', 'text/javascript; charset=utf-8'],
  ['Cache-Control', `public, max-age=${FRESH_S}`],
  ['Vary', 'Accept-Encoding'],
  ['Access-Control-Allow-Origin', '*'],
  ['Cross-Origin-Resource-Policy', 'cross-origin'],
  ['X-Content-Type-Options', 'nosniff'],
] as const;

/** Packed once. */
export function clientScriptRoute(script: string): (res: HttpResponse, req: HttpRequest) => void {
  const packed = gzipSync(script, { level: 9 });
  const hash = createHash('sha256').update(script).digest('base64url').slice(0, 22);
  // Weak: packed or not, it is the same script.
  const tag = `W/"${hash}"`;
  return (res, req) => {
    const isKnown = req.getHeader('if-none-match').includes(`"${hash}"`);
    const isPacked = acceptsGzip(req.getHeader('accept-encoding'));
    res.cork(() => {
      res.writeStatus(isKnown ? '304 Not Modified' : '200 OK').writeHeader('ETag', tag);
      for (const [name, value] of HEADERS) res.writeHeader(name, value);
      if (isPacked && !isKnown) res.writeHeader('Content-Encoding', 'gzip');
      if (isKnown || isHead(req)) return res.endWithoutBody();
      return res.end(isPacked ? packed : script);
    });
  };
}
