/**
 * The rules that every server has about itself. They are ordinary rules over a stream that the server samples, so that
 * states, history, silences, routes and messages are the same; only that no partition counts for them: a server that
 * cannot take events must still be able to say so.
 */

import type { AlarmMeasure, AlarmRule, Bound, Severity } from '../model/alarm.ts';
import {
  SERVER_RULE_PREFIX,
  SERVER_STREAM,
  SERVER_TICK_MS,
  type ServerThresholds,
} from '../model/server-alarms.ts';
import { MINUTE_MS } from '../model/units.ts';

/** A partition that is gone, a receiver that was removed: its alarm ends. */
const FORGET_AFTER_MS = 30 * MINUTE_MS;
/** Actors and receivers of a large server. */
const GROUPS_MAX = 5_000;

export function serverRules(thresholds: ServerThresholds): AlarmRule[] {
  const { ingestLagMs, rejectedShare, logUsedShare, diskFreeBytes } = thresholds;
  const { commitMs, restarts, boardLagMs, archiveLagMs, hiveLagMs, checkpointAgeMs } = thresholds;
  const { sourceLagMs } = thresholds;
  const rule = (name: string, given: Given): AlarmRule => ruleOf(thresholds.tenant, name, given);
  return [
    rule('ingest-lag', {
      measure: { op: 'max', field: 'ingest_lag_s' },
      groupBy: ['partition'],
      above: calmer(ingestLagMs / 1_000),
      forMs: 2 * SERVER_TICK_MS,
      summary: 'Partition {{labels.partition}} is {{value}} s behind what is durable',
    }),
    rule('rejected-events', {
      measure: { op: 'sum', field: 'rejected' },
      over: { op: 'sum', field: 'received' },
      windowMs: MINUTE_MS,
      above: calmer(rejectedShare),
      forMs: MINUTE_MS,
      summary: 'A share of {{value}} of the events of a minute was refused: see deadLetters',
    }),
    rule('log-space', {
      measure: { op: 'max', field: 'log_used' },
      above: { fire: logUsedShare, clear: logUsedShare * 0.95 },
      summary:
        'A share of {{value}} of what the log may keep is in use: at 1 senders get 503, and of a topic is deleted what nobody has archived',
    }),
    rule('log-refusing', {
      measure: { op: 'max', field: 'log_refusing' },
      above: NONE,
      severity: 'critical',
      summary: 'The log takes no events: the disk or journal.bytesMax is full, or the disk fails',
    }),
    rule('log-damaged', {
      measure: { op: 'max', field: 'log_damaged_ends' },
      above: NONE,
      severity: 'critical',
      summary:
        'The end of the log was damaged when the server started: {{value}} copies of what was found lie beside it, until they are deleted',
    }),
    rule('spooling', {
      measure: { op: 'max', field: 'spooling' },
      above: NONE,
      forMs: 2 * SERVER_TICK_MS,
      summary: 'Events go to the spool on the local disk, not to the log: see spool { note }',
    }),
    rule('spool-space', {
      measure: { op: 'max', field: 'spool_used' },
      above: { fire: logUsedShare, clear: logUsedShare * 0.95 },
      severity: 'critical',
      summary: 'A share of {{value}} of log.kafka.spoolBytesMax is in use; at 1 senders get 503',
    }),
    rule('spool-damaged', {
      measure: { op: 'max', field: 'spool_lost_bytes' },
      above: NONE,
      severity: 'critical',
      summary: '{{value}} bytes of events in the spool were damaged on the disk, and are lost',
    }),
    rule('disk-space', {
      measure: { op: 'min', field: 'disk_free_bytes' },
      below: { fire: diskFreeBytes, clear: diskFreeBytes * 1.1 },
      summary: '{{value}} bytes are free on the disk of the data folder',
    }),
    rule('commit-latency', {
      measure: { op: 'sum', field: 'commit_ms' },
      over: { op: 'sum', field: 'commits' },
      groupBy: ['partition'],
      windowMs: MINUTE_MS,
      above: calmer(commitMs),
      forMs: MINUTE_MS,
      summary: 'Commits of partition {{labels.partition}} take {{value}} ms',
    }),
    rule('restarts', {
      measure: { op: 'sum', field: 'restarts' },
      groupBy: ['actor'],
      windowMs: 10 * MINUTE_MS,
      above: { fire: restarts, clear: restarts },
      summary: '{{labels.actor}} has restarted {{value}} times in ten minutes: see actors',
    }),
    rule('actor-failed', {
      measure: { op: 'max', field: 'failed' },
      groupBy: ['actor'],
      above: NONE,
      severity: 'critical',
      summary: '{{labels.actor}} has crashed more often than its limit: see actors and the log',
    }),
    rule('ledger', {
      measure: { op: 'max', field: 'unbalanced_lines' },
      above: NONE,
      severity: 'critical',
      summary: 'Events are missing from the ledger, or too many, in {{value}} of its lines',
    }),
    rule('dead-deliveries', {
      measure: { op: 'sum', field: 'dead' },
      windowMs: 10 * MINUTE_MS,
      above: NONE,
      summary: '{{value}} messages were given up in ten minutes: see deliveries',
    }),
    rule('receiver-gone', {
      measure: { op: 'max', field: 'gone' },
      groupBy: ['receiver'],
      above: NONE,
      summary: '{{labels.receiver}} has answered that it is gone; nothing is sent to it',
    }),
    rule('alarm-lag', {
      measure: { op: 'max', field: 'board_lag_s' },
      above: calmer(boardLagMs / 1_000),
      forMs: MINUTE_MS,
      summary: 'Alarms are judged {{value}} s late',
    }),
    rule('archive-lag', {
      measure: { op: 'max', field: 'archive_lag_s' },
      above: calmer(archiveLagMs / 1_000),
      summary:
        'Events are archived {{value}} s late, and the log is kept for as long: see archive { problem waitingBytes }',
    }),
    rule('archive-problem', {
      measure: { op: 'max', field: 'archive_problem' },
      // Between two attempts it may look well.
      windowMs: MINUTE_MS,
      above: NONE,
      forMs: MINUTE_MS,
      summary: 'Nothing can be archived: see archive { problem }',
    }),
    rule('archive-fenced', {
      measure: { op: 'max', field: 'archive_fenced' },
      above: NONE,
      severity: 'critical',
      summary:
        'Another server has claimed the archive: this one archives nothing until it is restarted',
    }),
    rule('archive-missed', {
      measure: { op: 'max', field: 'archive_missed_bytes' },
      above: NONE,
      severity: 'critical',
      summary: '{{value}} bytes of the log were deleted before they were archived',
    }),
    rule('hive-lag', {
      measure: { op: 'max', field: 'hive_lag_s' },
      above: calmer(hiveLagMs / 1_000),
      summary: 'For {{value}} s Hive has lacked something: see archive { hive { problem } }',
    }),
    rule('source-lag', {
      measure: { op: 'max', field: 'source_lag_s' },
      groupBy: ['source'],
      above: calmer(sourceLagMs / 1_000),
      forMs: MINUTE_MS,
      summary: 'Source {{labels.source}} is {{value}} s behind its topics: see sources',
    }),
    rule('source-problem', {
      measure: { op: 'max', field: 'source_problem' },
      groupBy: ['source'],
      // Between two attempts it may look well.
      windowMs: MINUTE_MS,
      above: NONE,
      forMs: MINUTE_MS,
      summary: 'Source {{labels.source}} cannot be read: see sources { problem }',
    }),
    rule('checkpoint-age', {
      measure: { op: 'max', field: 'checkpoint_overdue_s' },
      above: calmer(checkpointAgeMs / 1_000),
      summary: 'Checkpoints of partitions are {{value}} s late: see checkpoints { problem }',
    }),
    rule('checkpoint-fenced', {
      measure: { op: 'max', field: 'checkpoint_fenced' },
      above: NONE,
      severity: 'critical',
      summary: 'Another server has started over the same topic: stop one of the two',
    }),
  ];
}

interface Given {
  readonly measure: AlarmMeasure;
  readonly over?: AlarmMeasure;
  readonly groupBy?: readonly string[];
  readonly windowMs?: number;
  readonly above?: Bound;
  readonly below?: Bound;
  readonly forMs?: number;
  readonly severity?: Severity;
  readonly summary: string;
}

const NONE: Bound = { fire: 0, clear: 0 };
/** Normal again at half of it, so that it does not flap. */
const calmer = (fire: number): Bound => ({ fire, clear: fire / 2 });

function ruleOf(tenant: string, name: string, given: Given): AlarmRule {
  const { measure, over, groupBy = [], windowMs = SERVER_TICK_MS, above, below, summary } = given;
  return {
    name: SERVER_RULE_PREFIX + name,
    tenant,
    stream: SERVER_STREAM,
    measure,
    filter: [],
    ...(over && { over: { measure: over, filter: [] } }),
    groupBy,
    normalize: [],
    windowMs,
    everyMs: SERVER_TICK_MS,
    latenessMs: 0,
    condition: { kind: 'threshold', ...(above && { above }), ...(below && { below }) },
    forMs: given.forMs ?? 0,
    keepFiringForMs: 0,
    // A share of nothing is fine; a sample that is missing says nothing.
    onNoValue: over === undefined ? 'keep' : 'ok',
    severity: given.severity ?? 'warning',
    escalation: [],
    suppress: [],
    labels: {},
    annotations: { summary },
    groupsMax: GROUPS_MAX,
    forgetAfterMs: FORGET_AFTER_MS,
  };
}
