/** Holds the ledger, as it is asked for, against the model's: what became of each event is told, of all of them and hour by hour. */
import assert from 'node:assert/strict';
import { headOf } from '../../src/model/block.ts';
import { DAY_MS } from '../../src/model/units.ts';
import { ledgerLines } from '../../src/query/ledger-lines.ts';
import { type SystemPort, sumLedger } from '../../src/query/system.ts';
import type { ScheduleLog } from './schedule-log.ts';
import type { ScheduleModel } from './schedule-model.ts';
import { STREAMS, TENANTS } from './schedule-rollups.ts';
import type { ScheduleServer } from './schedule-server.ts';

/** What is applied and what waits in the log make up all that came. Answers how many events wait. */
export async function assertSums(
  { client, log }: ScheduleServer,
  { ledger }: ScheduleModel,
  nowMs: number,
): Promise<number> {
  let waiting = 0;
  const places = TENANTS.flatMap((tenant) => STREAMS.map((stream) => ({ tenant, stream })));
  for (const { tenant, stream } of places) {
    const sum = await sumLedger({ tenant, stream }, client, waitingIn(log), nowMs);
    const { received, applied, duplicate, rejected, pending, balanced } = sum;
    const came = [...ledger]
      .filter(([key]) => key.startsWith(`${tenant}/${stream}/`))
      .reduce((all, [, line]) => all + line.received, 0);
    assert(balanced, `the ledger of ${tenant}/${stream} does not balance`);
    assert.equal(received, came, `what came of ${tenant}/${stream}`);
    assert.equal(received - applied - duplicate - rejected - pending, 0, 'the ledger');
    waiting += pending;
  }
  return waiting;
}

/** To be called when nothing waits. The edge's own counts are held against the model's, too. */
export async function assertLines(
  { client, counters }: ScheduleServer,
  { ledger, timesClamped, timesCorrected }: ScheduleModel,
  nowMs: number,
): Promise<void> {
  for (const tenant of TENANTS) {
    const found: Record<string, unknown> = {};
    let fromMs: number | undefined = nowMs - DAY_MS;
    while (fromMs !== undefined) {
      const page = await ledgerLines({ tenant, fromMs }, client, nowMs);
      for (const { stream, arrivalHourMs, ...line } of page.lines) {
        const { received, applied, duplicate, rejected, clamped, expired } = line;
        const counts = { received, applied, duplicate, rejected, clamped, expired };
        found[`${tenant}/${stream}/${arrivalHourMs}`] = counts;
      }
      fromMs = page.nextFromMs;
    }
    const lines = [...ledger].filter(([key]) => key.startsWith(`${tenant}/`));
    assert.deepEqual(found, Object.fromEntries(lines), `the ledger of ${tenant}`);
  }
  assert.equal(counters.eventsTimeClamped, timesClamped, 'times that the edge has clamped');
  assert.equal(counters.eventsTimeCorrected, timesCorrected, 'times that it has corrected');
}

const waitingIn = (log: ScheduleLog): Pick<SystemPort, 'pendingEvents'> => ({
  pendingEvents: async (tenant, stream, from) => ({
    events: [...from]
      .flatMap(([partition, at]) => log.of(partition).filter(({ offset }) => offset >= at))
      .map(({ bytes }) => headOf(bytes))
      .filter((head) => head.tenant === tenant && head.stream === stream)
      .reduce((sum, { received }) => sum + received, 0),
    isComplete: true,
  }),
});
