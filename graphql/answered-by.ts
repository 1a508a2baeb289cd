/** Which node of a cluster answers what. A server that is alone answers everything and never looks here. */
import type { DocumentNode } from 'graphql';
import { rootFieldsOf } from './root-fields.ts';

/**
 * `any`: each node has, or gets from the others, all that it takes. `asked`: it is about the node that is asked. `leader`: one alone
 * has the alarm board, takes what is declared at run time, and does what the archive needs done once.
 */
export type AnsweredBy = 'any' | 'asked' | 'leader';

/** Every root field of the schema. An operation goes as a whole to whom one of its fields needs. */
export const ANSWERED_BY: Readonly<Record<string, AnsweredBy>> = {
  'Query.timeseries': 'any',
  'Query.explain': 'any',
  'Query.rollups': 'any',
  'Query.ledger': 'any',
  'Query.ledgerLines': 'any',
  'Query.deadLetters': 'any',
  'Query.deadLetterCounts': 'any',
  'Query.actors': 'any',
  'Query.partitions': 'any',
  'Query.version': 'asked',
  'Query.cluster': 'asked',
  'Query.events': 'any',
  'Query.event': 'any',
  'Query.fields': 'any',
  'Query.sql': 'any',
  'Query.segments': 'any',
  'Query.manifest': 'any',
  'Query.archive': 'leader',
  'Query.checkpoints': 'asked',
  'Query.spool': 'asked',
  'Query.sources': 'asked',
  // What a cluster refuses, any of its nodes does.
  'Query.backup': 'any',
  'Query.erasure': 'any',
  'Query.erasures': 'any',
  'Query.replays': 'any',
  'Query.alarms': 'leader',
  'Query.alarmRules': 'leader',
  'Query.alarmHistory': 'leader',
  'Query.alarmBoard': 'leader',
  'Query.silences': 'leader',
  'Query.receivers': 'leader',
  'Query.routes': 'leader',
  'Query.deliveries': 'leader',
  'Query.delivery': 'leader',
  'Query.testRule': 'leader',
  'Query.dashboards': 'leader',
  'Query.dashboard': 'leader',
  'Query.sharedDashboard': 'leader',
  'Query.panel': 'leader',
  'Mutation.putRule': 'leader',
  'Mutation.removeRule': 'leader',
  'Mutation.putReceiver': 'leader',
  'Mutation.removeReceiver': 'leader',
  'Mutation.enableReceiver': 'leader',
  'Mutation.disableReceiver': 'leader',
  'Mutation.testReceiver': 'leader',
  'Mutation.setRoutes': 'leader',
  'Mutation.addSilence': 'leader',
  'Mutation.expireSilence': 'leader',
  'Mutation.acknowledge': 'leader',
  'Mutation.unacknowledge': 'leader',
  'Mutation.resendDelivery': 'leader',
  'Mutation.defineRollup': 'leader',
  'Mutation.dropRollup': 'leader',
  'Mutation.putDashboard': 'leader',
  'Mutation.dropDashboard': 'leader',
  'Mutation.shareDashboard': 'leader',
  'Mutation.endShare': 'leader',
  'Mutation.archiveNow': 'leader',
  'Mutation.takeCheckpoint': 'asked',
  'Mutation.resendDeadLetters': 'any',
  'Mutation.sendTestEvent': 'any',
  'Mutation.startBackup': 'any',
  'Mutation.cancelBackup': 'any',
  'Mutation.eraseUser': 'any',
  'Mutation.startReplay': 'any',
  'Mutation.applyReplay': 'any',
  'Mutation.cancelReplay': 'any',
  'Subscription.timeseries': 'any',
  'Subscription.tail': 'any',
  'Subscription.health': 'asked',
  'Subscription.alarmChanged': 'leader',
  'Subscription.panel': 'leader',
};

/** Of a valid document. A field counts also where a variable leaves it out: whoever asks so can be answered by the leader. */
export const asksLeader = (document: DocumentNode, operationName?: string | null): boolean =>
  rootFieldsOf(document, operationName).some((field) => ANSWERED_BY[field] === 'leader');
