/** Events that show whether events arrive. */
import { TEST_EVENT } from '../../src/query/test-events.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import { refusalError } from '../send-refusal.ts';

export async function sendTestEvent(
  _: unknown,
  { stream }: { readonly stream: string },
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'write');
  const sent = await services.testEvents.send(access.tenant, stream);
  if (!sent.ok) throw refusalError(sent.refusal);
  return { event: TEST_EVENT, applied: sent.isApplied, position: sent.position };
}
