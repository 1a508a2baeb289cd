/** What an edge is told. Plain data, because it crosses to a worker thread. */
import type { AccessKey } from '../model/access.ts';
import type { EventTimeRule } from '../model/event-time.ts';
import type { TlsFiles } from '../model/tls-files.ts';

export interface EdgeOptions {
  readonly host: string;
  /** Must be a real port: several edges share it. */
  readonly port: number;
  readonly tls?: TlsFiles;
  /** Origins of pages that may send from a browser; `*` allows all of them. */
  readonly corsOrigins: readonly string[];
  /** Addresses or networks whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** None: everybody who can reach the listener may write, as tenant `default`. */
  readonly keys: readonly AccessKey[];
  readonly limits: EdgeLimits;
  /** How many edges share the server-wide limits; each enforces its even part. */
  readonly edges: number;
  readonly partitions: number;
  /** What `GET /client.js` answers; undefined: there is none. */
  readonly clientScript?: string | undefined;
  /** Undefined: there is no pixel, and events are taken as they are. */
  readonly web?: WebOptions | undefined;
}

export interface WebOptions {
  /** Where page views go that name no other stream, and whose events of pages are told of their visits. */
  readonly stream: string;
}

/** What a sender may cost. The limits of one event are also part of the decoder's contract. */
export interface EdgeLimits {
  readonly lineBytesMax: number;
  /** One request body, after inflating. */
  readonly bodyBytesMax: number;
  readonly fieldsMax: number;
  readonly fieldNameBytesMax: number;
  readonly valueBytesMax: number;
  readonly depthMax: number;
  /** Open connections on all edges together, WebSockets included. */
  readonly connectionsMax: number;
  /** From a request's headers to the last byte of its body. */
  readonly bodyTimeoutMs: number;
  /** Each tenant's quota on all edges together; absent: none. */
  readonly requestsPerSecondMax?: number | undefined;
  readonly eventsPerSecondMax?: number | undefined;
  /** What is done with events whose time lies far from now; the first that fits a stream. */
  readonly eventTime?: readonly EventTimeRule[] | undefined;
}
