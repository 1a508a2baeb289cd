/** What is declared, what became of the events, and how the machinery is. */

import { AppError } from '../../src/model/errors.ts';
import { ledgerLines as queryLedgerLines } from '../../src/query/ledger-lines.ts';
import { DEAD_LETTERS_PAGE_MAX } from '../../src/query/limits.ts';
import { type DeadLetterView, sumLedger } from '../../src/query/system.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';

export function rollups(
  _: unknown,
  { stream }: { readonly stream?: Maybe<string> },
  { access, services }: GraphContext,
): object {
  const all = services.catalog.rollups(access.tenant);
  return stream ? all.filter((rollup) => rollup.stream === stream) : all;
}

export function ledger(
  _: unknown,
  args: { readonly stream: string; readonly from?: Maybe<number>; readonly to?: Maybe<number> },
  { access, services }: GraphContext,
): Promise<object> {
  const { partitions, system, clock } = services;
  const query = {
    tenant: access.tenant,
    stream: args.stream,
    ...(args.from == null ? {} : { fromMs: args.from }),
    ...(args.to == null ? {} : { toMs: args.to }),
  };
  return sumLedger(query, partitions, system, clock.now());
}

export async function ledgerLines(
  _: unknown,
  { stream, from }: { readonly stream?: Maybe<string>; readonly from: number },
  { access, services }: GraphContext,
): Promise<object> {
  const { tenant } = access;
  const query = { tenant, fromMs: from, stream: stream ?? undefined };
  const page = await queryLedgerLines(query, services.partitions, services.clock.now());
  return {
    tenant,
    lines: page.lines.map(({ arrivalHourMs, ...rest }) => ({ ...rest, hour: arrivalHourMs })),
    nextFrom: page.nextFromMs,
    position: page.position,
  };
}

export async function deadLetters(
  _: unknown,
  args: { readonly stream?: Maybe<string>; readonly first: number; readonly after?: Maybe<string> },
  { access, services }: GraphContext,
): Promise<object> {
  const { first } = args;
  if (!(first >= 1 && first <= DEAD_LETTERS_PAGE_MAX)) {
    throw new AppError(
      'query_invalid',
      `"first" must be 1 to ${DEAD_LETTERS_PAGE_MAX}, received ${first}`,
    );
  }
  // One more than asked tells whether there is a next page.
  const found = await services.system.deadLetters({
    tenant: access.tenant,
    ...(args.stream ? { stream: args.stream } : {}),
    ...(args.after ? { after: args.after } : {}),
    first: first + 1,
  });
  const letters = found.slice(0, first);
  const nextCursor = found.length > first ? letters.at(-1)?.id : null;
  return { letters: letters.map(shownLetter), nextCursor };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function shownLetter({ arrivalMs, raw, ...rest }: DeadLetterView): object {
  const base64 = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64');
  return { ...rest, arrival: arrivalMs, text: textOf(raw), base64 };
}

function textOf(raw: Uint8Array): string | null {
  try {
    return utf8.decode(raw);
  } catch {
    return null; // Not UTF-8, which may be the very reason why it was refused.
  }
}

export function actors(_: unknown, __: unknown, { access, services }: GraphContext): object {
  demandScope(access, 'admin');
  return services.system.actors();
}

export async function partitions(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  const views = await services.system.partitions();
  return views.map(({ partition, watermarkMs, dedupSinceMs, ...rest }) => ({
    ...rest,
    id: partition,
    watermark: timeOrNull(watermarkMs),
    dedupSince: timeOrNull(dedupSinceMs),
  }));
}

/** Nothing has happened yet: -Infinity or 0. */
const timeOrNull = (ms: number): number | null => (ms > 0 ? ms : null);

export const version = (_: unknown, __: unknown, { services }: GraphContext): string =>
  services.version;
