/** What is declared, what became of the events, and how the machinery is. */

import { ledgerLines as queryLedgerLines } from '../../src/query/ledger-lines.ts';
import { sumLedger } from '../../src/query/system.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';
import { shownPartitions } from './health.ts';

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
  return shownPartitions(await services.system.partitions());
}

export const version = (_: unknown, __: unknown, { services }: GraphContext): string =>
  services.version;
