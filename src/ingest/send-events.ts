/**
 * Events that the server sends itself, through the decoder and the log like any other. A dead letter that is taken in again is then
 * dropped from those that are kept: in this order, so that a crash in between loses nothing; it has an id, so that what is sent again
 * then counts once.
 */
import { packControl } from '../model/block.ts';
import type { DropLettersControl, LetterAt } from '../model/dead-letter.ts';
import { AppError, type Rejection } from '../model/errors.ts';
import type { EventsToSend, EventToSend, SentEvent, SentEvents } from '../model/event-to-send.ts';
import { encodePositions } from '../model/positions.ts';
import type { Offset } from '../model/units.ts';
import { type AdmissionRules, type BusyRules, busyRefusal } from './admission.ts';
import type { AppliedWaits } from './applied.ts';
import { bytesBehind, type Coalescer, type OffsetBehind } from './coalescer.ts';
import { type BlockRows, Contribution } from './contribution.ts';
import type { Counters } from './counters.ts';
import type { Producer } from './producer.ts';
import { NO_MEMORY } from './receive-body.ts';
import { refusalOfFault } from './refusal.ts';

export interface SendTools {
  readonly rules: BusyRules & Pick<AdmissionRules, 'memory'>;
  readonly coalescer: Pick<Coalescer, 'add'>;
  readonly producer: Producer;
  readonly applied: AppliedWaits;
  readonly counters: Counters;
  readonly offsetBehind?: OffsetBehind | undefined;
}

/** Rows of one event once they are durable, or why there are none. */
type Taken =
  | { readonly ok: true; readonly contribution: Contribution }
  | { readonly ok: false; readonly rejection: Omit<Rejection, 'line'> };

const encoder = new TextEncoder();

/** Bounded by who asks. Never rejects for what the log or a sender may be refused for. */
export async function sendEvents(
  tools: SendTools,
  { tenant, events }: EventsToSend,
): Promise<SentEvents> {
  const { rules } = tools;
  const refusal = busyRefusal(rules, tenant) ?? (rules.memory.hasRoom ? undefined : NO_MEMORY);
  if (refusal !== undefined) return { ok: false, refusal };
  const taken = await Promise.all(events.map((event) => take(tools, tenant, event)));
  const letters = events.flatMap(({ letter }, i) => (taken[i]?.ok && letter ? [letter] : []));
  try {
    const faulty = taken.find((one) => one.ok && one.contribution.fault !== undefined);
    if (faulty?.ok && faulty.contribution.fault !== undefined) throw faulty.contribution.fault;
    const drops = letters.length === 0 ? [] : await drop(tools, tenant, letters);
    return { ok: true, ...(await answered(tools, taken, drops)) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, refusal: refusalOfFault(error.code) };
  }
}

/** Resolves when it is durable, or known not to be. */
async function take(
  { coalescer, counters, rules }: SendTools,
  tenant: string,
  { stream, event }: EventToSend,
): Promise<Taken> {
  const settled = Promise.withResolvers<void>();
  const contribution = new Contribution(true, () => settled.resolve());
  const destination = { tenant, stream, form: 'json', keepsRefused: false } as const;
  const outcome = coalescer.add(destination, encoder.encode(event), contribution);
  contribution.end();
  await settled.promise;
  const [rejection] = outcome.rejections;
  if (rejection !== undefined) {
    const { code, message } = rejection;
    return { ok: false, rejection: { code, message } };
  }
  counters.decoded(outcome);
  rules.quotas.charge(tenant, outcome.accepted);
  return { ok: true, contribution };
}

/** One control block a partition; answers where they lie, nothing while they are spooled. */
async function drop(
  { rules, producer, offsetBehind = bytesBehind }: SendTools,
  tenant: string,
  letters: readonly LetterAt[],
): Promise<readonly BlockRows[]> {
  const byPartition = [...Map.groupBy(letters, ({ partition }) => partition)];
  const blocks = byPartition.map(([partition, some]) => {
    const control: DropLettersControl = {
      type: 'dropDeadLetters',
      tenant,
      letters: some.map(({ offset, row }) => [offset, row]),
    };
    return packControl(producer.next(partition), control);
  });
  // The log owns the blocks from here on.
  const lengths = blocks.map((block) => block.length);
  const appended = await rules.log.append(blocks);
  if (appended === 'spooled') return [];
  return byPartition.map(([partition], i) => {
    const offset = appended[i] as Offset;
    const nextOffset = offsetBehind(offset, lengths[i] as number);
    return { partition, offset, nextOffset, rowFrom: 0, rowTo: 0 };
  });
}

async function answered(
  { applied }: SendTools,
  taken: readonly Taken[],
  drops: readonly BlockRows[],
): Promise<Omit<Extract<SentEvents, { ok: true }>, 'ok'>> {
  const wait = async (one: Taken): Promise<SentEvent> => {
    if (!one.ok) return { outcome: 'refused', ...one.rejection };
    const { position, rows } = one.contribution;
    const seen = position === undefined ? undefined : await applied.wait(rows);
    if (seen?.applied !== true) return { outcome: 'accepted' };
    return { outcome: seen.duplicates > 0 ? 'duplicate' : 'applied' };
  };
  const dropped = drops.length === 0 ? undefined : applied.wait(drops);
  const events = await Promise.all(taken.map(wait));
  await dropped;
  const rows = taken.flatMap((one) => (one.ok ? one.contribution.rows : []));
  const position = positionBehind([...rows, ...drops]);
  return { events, position, dropPosition: positionBehind(drops) };
}

/** Of what is in the log. */
function positionBehind(blocks: readonly BlockRows[]): string {
  const positions = new Map<number, Offset>();
  for (const { partition, nextOffset } of blocks) {
    const known = positions.get(partition);
    if (known === undefined || known < nextOffset) positions.set(partition, nextOffset);
  }
  return encodePositions(positions);
}
