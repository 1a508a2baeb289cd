/** Backups: begun, looked at, cancelled. */
import type { BackupView } from '../../src/query/backup-port.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';

export function backup(_: unknown, __: unknown, { access, services }: GraphContext): object | null {
  demandScope(access, 'admin');
  return shown(services.backup.view());
}

export async function startBackup(
  _: unknown,
  { to, mark }: { readonly to: string; readonly mark: string },
  { access, services }: GraphContext,
): Promise<object | null> {
  demandScope(access, 'admin');
  return shown(await services.backup.start(to, mark));
}

export async function cancelBackup(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<object | null> {
  demandScope(access, 'admin');
  return shown(await services.backup.cancel());
}

function shown(view: BackupView | undefined): object | null {
  if (view === undefined) return null;
  const { startedMs, endedMs, ...rest } = view;
  return { ...rest, startedAt: startedMs, endedAt: endedMs };
}
