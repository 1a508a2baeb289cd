/** What a request says of who sent it, and whom the edge asks what that means: parsing is no work for a thread that others wait for. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { Hit, HitLines, Visit, VisitFields } from '../model/visit.ts';
import { networkOf, type TrustedProxies } from './client-address.ts';
import { HEADER } from './header-bytes.ts';
import { AGENT_LENGTH_MAX } from './limits.ts';

export interface VisitAnswers {
  /** Undefined: nobody answers in time. */
  fieldsOf(visit: Visit): Promise<VisitFields | undefined>;
  linesOf(hits: readonly Hit[]): Promise<readonly HitLines[] | undefined>;
}

/** What an edge needs to make page views of requests. */
export interface WebPages {
  /** Whose events are page views. */
  readonly stream: string;
  readonly proxies: TrustedProxies;
  readonly answers: VisitAnswers;
}

/** While `req` and `res` are valid. */
export function visitOf(
  tenant: string,
  proxies: TrustedProxies,
  res: HttpResponse,
  req: HttpRequest,
): Visit {
  const peer = Buffer.from(res.getRemoteAddressAsText()).toString('latin1');
  const forwardedFor = proxies.isEmpty ? '' : req.getHeader('x-forwarded-for');
  return {
    tenant,
    network: networkOf(proxies.clientOf(peer, forwardedFor)),
    agent: req.getHeader(HEADER.userAgent).slice(0, AGENT_LENGTH_MAX),
    isPrivate: req.getHeader(HEADER.doNotTrack) === '1' || req.getHeader(HEADER.privacy) === '1',
  };
}
