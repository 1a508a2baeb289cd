/** The schema, the .graphql files with their resolvers, and the form of it that is executed. */
import { readFileSync } from 'node:fs';
import { createSchema } from 'graphql-yoga';
import { alarmScalars } from './alarm-scalars.ts';
import type { GraphContext } from './context.ts';
import { eventScalars } from './event-scalars.ts';
import { cutSeriesScalar, withSeriesAsLeaf } from './projection.ts';
import * as commands from './resolvers/alarm-commands.ts';
import * as alarms from './resolvers/alarms.ts';
import { archive, archiveNow, manifest, segments } from './resolvers/archive.ts';
import { backup, cancelBackup, startBackup } from './resolvers/backup.ts';
import { eraseUser, erasure, erasures } from './resolvers/erasure.ts';
import { event, events, sql, tail } from './resolvers/events.ts';
import { applyReplay, cancelReplay, replays, startReplay } from './resolvers/replay.ts';
import * as system from './resolvers/system.ts';
import { cutSeries, timeseries, timeseriesUpdates } from './resolvers/timeseries.ts';
import { scalars } from './scalars.ts';

const { alarmChanged, ...alarmQueries } = alarms;

const typeDefs = [
  'schema.graphql',
  'alarms.graphql',
  'archive.graphql',
  'backup.graphql',
  'erasure.graphql',
  'events.graphql',
  'replay.graphql',
]
  .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
  .join('\n');

const resolvers = {
  ...scalars,
  ...alarmScalars,
  ...eventScalars,
  Query: {
    timeseries,
    ...system,
    ...alarmQueries,
    archive,
    manifest,
    segments,
    backup,
    erasure,
    erasures,
    events,
    event,
    sql,
    replays,
  },
  Mutation: {
    ...commands,
    archiveNow,
    startBackup,
    cancelBackup,
    eraseUser,
    startReplay,
    applyReplay,
    cancelReplay,
  },
  Subscription: { timeseries: timeseriesUpdates, alarmChanged, tail },
};

export const schema = createSchema<GraphContext>({ typeDefs, resolvers });

/** Executes what `schema` has judged. */
export const executedSchema = createSchema<GraphContext>({
  typeDefs: withSeriesAsLeaf(typeDefs),
  resolvers: {
    ...resolvers,
    CutSeries: cutSeriesScalar,
    Timeseries: { series: cutSeries },
    TimeseriesUpdate: { series: cutSeries },
  },
});
