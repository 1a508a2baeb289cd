/** The client for pages. */
import type { Client } from '../client.ts';
import { Frames } from '../frames.ts';
import { framesUrl } from '../post.ts';
import { type PageOptions, pageClient } from './page-client.ts';

export type { Client, EventFields } from '../client.ts';
export type { ClientOptions } from '../options.ts';
export type { Problem, ProblemCode } from '../problem.ts';
export type { PageOptions } from './page-client.ts';

/** Throws a `TypeError` if an option is not usable. One of a stream is enough for a page. */
export const createClient = (options: PageOptions): Client =>
  pageClient(
    options,
    ({ url, stream }, key) => new Frames(() => new WebSocket(framesUrl(url, stream, key))),
  );
