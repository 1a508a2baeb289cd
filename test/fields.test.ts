/** Which fields streams have, asked of a server as it is run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Server } from '../load-tests/server.ts';
import { hashSecret } from '../src/model/access.ts';
import { sendApplied } from './send-applied.ts';

interface Field {
  readonly name: string;
  readonly types: { readonly type: string; readonly events: number }[];
  readonly share: number;
  readonly cardinality: number;
  readonly samples: string[];
  readonly firstSeen: number;
  readonly lastSeen: number;
}
interface Fields {
  readonly events: number;
  readonly more: boolean;
  readonly fields: Field[];
}

const QUERY = `{ fields(stream: "shop") { events more missingPartitions
  fields { name types { type events } share cardinality samples firstSeen lastSeen } } }`;

test('fields are told over all partitions, to their tenant, also after a restart; erasing a user forgets samples', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const keys = ['acme', 'other'].map((tenant) => ({
    ...{ id: tenant, tenant, scopes: ['write', 'admin'] },
    hash: `sha256:${hashSecret(tenant)}`,
  }));
  const server = await Server.prepare({
    folder,
    partitions: 3,
    config: { keys, commit: { intervalMs: 100 }, alarms: { server: { enabled: false } } },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  const ask = async <T>(query: string, key = 'acme'): Promise<T> => {
    const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ query }),
    });
    const answer: { data: T; errors?: unknown } = JSON.parse(await response.text());
    if (answer.errors !== undefined) throw new Error(JSON.stringify(answer.errors));
    return answer.data;
  };
  /** Once so many events are committed. */
  const fieldsOf = async (events: number): Promise<Fields> => {
    for (;;) {
      const { fields } = await ask<{ fields: Fields }>(QUERY);
      if (fields.events === events) return fields;
      await sleep(20);
    }
  };

  const beforeMs = Date.now();
  const sold = Array.from({ length: 200 }, (_, i) => ({
    ...{ type: 'sale', user: `u${i}`, paid: i % 2 === 0 },
    ...(i < 50 && { amount: i }),
    code: i < 100 ? `c${i % 7}` : i % 7,
  }));
  await sendApplied(server, 'shop', sold, 'acme');
  const first = await fieldsOf(200);
  t.false(first.more);
  t.deepEqual(
    first.fields.map(({ name }) => name),
    ['amount', 'code', 'paid', 'ts', 'type', 'user'],
  );
  const named = (all: Fields, name: string) => all.fields.find((each) => each.name === name);
  t.like(named(first, 'amount'), { share: 0.25, types: [{ type: 'number', events: 50 }] });
  t.like(named(first, 'paid'), { share: 1, cardinality: 2 });
  t.like(named(first, 'code'), {
    share: 1,
    cardinality: 14,
    types: [
      { type: 'text', events: 100 },
      { type: 'number', events: 100 },
    ],
  });
  const user = named(first, 'user');
  t.true(Math.abs((user?.cardinality ?? 0) - 200) <= 6);
  t.is(user?.samples.length, 5);
  t.true(user?.samples.every((sample) => /^u\d+$/.test(sample)));
  t.true((user?.firstSeen ?? 0) >= beforeMs && (user?.lastSeen ?? 0) <= Date.now());

  const { fields } = await ask<{ fields: Fields }>(QUERY, 'other');
  t.deepEqual([fields.events, fields.fields], [0, []]);

  await server.kill();
  await server.start();
  await server.ready();
  t.deepEqual(await fieldsOf(200), first);
  await sendApplied(server, 'shop', [{ type: 'sale', user: 'u0', note: 'new' }], 'acme');
  t.like(named(await fieldsOf(201), 'note'), { cardinality: 1, samples: ['new'] });

  await ask('mutation { eraseUser(field: "user", value: "u0", stream: "shop") { id } }');
  for (;;) {
    const after = await fieldsOf(201);
    if (after.fields.every(({ samples }) => samples.length === 0)) break;
    await sleep(50);
  }
});
