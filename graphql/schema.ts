/** The executable schema: schema.graphql with its resolvers. */
import { readFileSync } from 'node:fs';
import { createSchema } from 'graphql-yoga';
import type { GraphContext } from './context.ts';
import * as system from './resolvers/system.ts';
import { timeseries, timeseriesUpdates } from './resolvers/timeseries.ts';
import { scalars } from './scalars.ts';

export const schema = createSchema<GraphContext>({
  typeDefs: readFileSync(new URL('schema.graphql', import.meta.url), 'utf8'),
  resolvers: {
    ...scalars,
    Query: { timeseries, ...system },
    Subscription: { timeseries: timeseriesUpdates },
  },
});
