/** Why the server could not send an event for somebody who asked it to: as the ingest listener says it. */
import { GraphQLError } from 'graphql';
import type { SendRefusal } from '../src/model/event-to-send.ts';

export function refusalError({ code, message, retryAfterMs }: SendRefusal): GraphQLError {
  const retryable = retryAfterMs !== undefined;
  return new GraphQLError(message, {
    extensions: { code, retryable, ...(retryable && { retryAfterMs }) },
  });
}
