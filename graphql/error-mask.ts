/** What a client learns of an error: what was wrong with its query in full, of everything else an id to look up. */
import { randomUUID } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { AppError, FAULT, toldOf } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';

/**
 * Answers the error to show. GraphQL's own errors (syntax, unknown fields, refused arguments) pass; a fault becomes its
 * code; anything else is a bug: it is logged with an id, and the client gets the id.
 */
export function maskError(error: unknown, logger: Logger): GraphQLError {
  const cause = rootCause(error);
  if (cause instanceof GraphQLError) return cause;
  const where = placeOf(error);
  const told = cause instanceof AppError ? toldOf(cause) : undefined;
  if (cause instanceof AppError && told !== undefined) {
    const extensions = { code: cause.code, retryable: cause.retryable };
    return new GraphQLError(told, { ...where, extensions });
  }
  const id = randomUUID();
  logger.error({ id, path: where.path, err: cause }, 'a query failed');
  const code = cause instanceof AppError ? cause.code : 'internal';
  const retryable = cause instanceof AppError && cause.retryable;
  return new GraphQLError(
    `the server could not answer this; its log has the reason under id ${id}`,
    {
      ...where,
      extensions: { code, retryable, id },
    },
  );
}

/** That somebody has as much open as a bound allows. */
export function overload(message: string): GraphQLError {
  const { retryable } = FAULT.query_overload;
  return new GraphQLError(message, { extensions: { code: 'query_overload', retryable } });
}

/** Executors wrap what a resolver throws in a GraphQLError, sometimes more than once. */
function rootCause(error: unknown): unknown {
  let inner = error;
  while (inner instanceof GraphQLError) {
    const next = inner.originalError ?? inner.cause;
    if (next === undefined || next === null) break;
    inner = next;
  }
  return inner;
}

function placeOf(error: unknown): Pick<GraphQLError, 'nodes' | 'path'> {
  return error instanceof GraphQLError
    ? { nodes: error.nodes, path: error.path }
    : { nodes: undefined, path: undefined };
}
