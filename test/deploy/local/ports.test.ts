import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { portsOf } from '../../../deploy/local/ports.ts';

const NAMES = ['rpc', 'http'] as const;

test('ports follow each other from the first, in the order of their names', async (t) => {
  t.deepEqual(await portsOf(folder(t), NAMES, 29_500), { rpc: 29_500, http: 29_501 });
});

test('free ports are taken once, and stay the folder’s', async (t) => {
  const place = folder(t);
  const first = await portsOf(place, NAMES, undefined);
  t.is(first.http, first.rpc + 1);
  t.true(first.rpc >= 20_000 && first.http < 32_768, 'below those of outgoing connections');
  t.deepEqual(await portsOf(place, NAMES, undefined), first);
  t.deepEqual(await portsOf(place, NAMES, first.rpc), first);
});

test('other ports than those that the data was made with are refused', async (t) => {
  const place = folder(t);
  await portsOf(place, NAMES, 29_500);
  await t.throwsAsync(portsOf(place, NAMES, 29_600), { message: /ports from 29500.*clean/ });
});

function folder(t: ExecutionContext): string {
  const made = mkdtempSync(join(tmpdir(), 'streamgauge-ports-'));
  t.teardown(() => rmSync(made, { recursive: true }));
  return made;
}
