/** The executable schema: the .graphql files with their resolvers. */
import { readFileSync } from 'node:fs';
import { createSchema } from 'graphql-yoga';
import { alarmScalars } from './alarm-scalars.ts';
import type { GraphContext } from './context.ts';
import * as commands from './resolvers/alarm-commands.ts';
import * as alarms from './resolvers/alarms.ts';
import * as system from './resolvers/system.ts';
import { timeseries, timeseriesUpdates } from './resolvers/timeseries.ts';
import { scalars } from './scalars.ts';

const { alarmChanged, ...alarmQueries } = alarms;

export const schema = createSchema<GraphContext>({
  typeDefs: ['schema.graphql', 'alarms.graphql'].map((file) =>
    readFileSync(new URL(file, import.meta.url), 'utf8'),
  ),
  resolvers: {
    ...scalars,
    ...alarmScalars,
    Query: { timeseries, ...system, ...alarmQueries },
    Mutation: { ...commands },
    Subscription: { timeseries: timeseriesUpdates, alarmChanged },
  },
});
