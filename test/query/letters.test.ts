/** What may be done with dead letters at once, and in which order. */
import test from 'ava';
import type { SentEvents } from '../../src/model/event-to-send.ts';
import { Letters } from '../../src/query/letters.ts';
import {
  LETTER_EXPORTS_MAX,
  LETTER_EXPORTS_PER_TENANT_MAX,
  LETTER_SENDERS_MAX,
  LETTER_SENDERS_PER_TENANT_MAX,
  LETTERS_COUNTED_MAX,
} from '../../src/query/limits.ts';
import { deadLetterKey } from '../../storage/state/keys.ts';
import { encodeDeadLetter } from '../../storage/state/rows.ts';
import { MemoryStore } from '../simulation/memory-store.ts';

const ID = '1s.0.0.1';
const SENT: SentEvents = {
  ok: true,
  events: [{ outcome: 'applied' }],
  position: '0.5',
  dropPosition: '0.5',
};

async function storeOf(letters: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  await store.commit(
    Array.from({ length: letters }, (_, row) => ({
      key: deadLetterKey({ partition: 0, tenant: 'a', offset: 64, row }),
      value: encodeDeadLetter({
        ...{ stream: 's', arrivalMs: 1, line: row, code: 'missing_type', message: 'm' },
        raw: Buffer.from(`{"n":${row}}`),
      }),
    })),
  );
  return store;
}

test('letters of a tenant are sent one call after the other, and only so many calls wait', async (t) => {
  const store = await storeOf(1);
  const begun: PromiseWithResolvers<SentEvents>[] = [];
  const letters = new Letters({
    state: store,
    partitions: 1,
    committed: () => 5,
    send() {
      const one = Promise.withResolvers<SentEvents>();
      begun.push(one);
      return one.promise;
    },
  });
  const resend = () => letters.resend('a', [{ id: ID, text: '{"type":"x"}' }]);
  const all = Array.from({ length: LETTER_SENDERS_PER_TENANT_MAX }, resend);
  await t.throwsAsync(resend(), { code: 'query_overload', message: /send these again later/ });
  for (let n = 1; n <= LETTER_SENDERS_PER_TENANT_MAX; n++) {
    while (begun.length < n) await new Promise(setImmediate);
    t.is(begun.length, n);
    // One that fails holds up none behind it.
    if (n === 1) begun[0]?.reject(new Error('the edge has ended'));
    else begun[n - 1]?.resolve(SENT);
  }
  await t.throwsAsync(all[0] as Promise<unknown>, { message: 'the edge has ended' });
  const last = await all.at(-1);
  t.deepEqual(last, { ok: true, position: '0.5', letters: [{ id: ID, outcome: 'applied' }] });
  const another = resend();
  while (begun.length <= LETTER_SENDERS_PER_TENANT_MAX) await new Promise(setImmediate);
  begun.at(-1)?.resolve(SENT);
  t.true((await another).ok);
});

test('a tenant whose letters take long holds up no other, and all together wait no more than the bound', async (t) => {
  const begun: string[] = [];
  const done = Promise.withResolvers<SentEvents>();
  const letters = new Letters({
    state: await storeOf(1),
    partitions: 1,
    committed: () => 5,
    send({ tenant }) {
      begun.push(tenant);
      return tenant === 'a' ? done.promise : Promise.resolve(SENT);
    },
  });
  const resend = (tenant: string) => letters.resend(tenant, [{ id: ID, text: '{"type":"x"}' }]);
  const slow = Array.from({ length: LETTER_SENDERS_PER_TENANT_MAX }, () => resend('a'));
  t.like(await resend('b'), { ok: true, letters: [{ outcome: 'gone' }] });
  const others = LETTER_SENDERS_MAX - LETTER_SENDERS_PER_TENANT_MAX;
  const all = Array.from({ length: others }, (_, n) => resend(`t${n}`));
  await t.throwsAsync(resend('b'), { code: 'query_overload', message: /0 calls send/ });
  await Promise.all(all);
  t.deepEqual(begun, ['a']);
  done.resolve(SENT);
  await Promise.all(slow);
});

test('what the edge refuses is told, and what cannot be an event never gets there', async (t) => {
  const refusal = { code: 'quota_exceeded', message: 'wait', retryAfterMs: 10 };
  const letters = new Letters({
    state: await storeOf(1),
    partitions: 1,
    committed: () => 0,
    send: async () => ({ ok: false, refusal }),
  });
  t.deepEqual(await letters.resend('a', [{ id: ID, text: '{}' }]), { ok: false, refusal });
  const none = await letters.resend('a', [{ id: ID, text: '[]' }]);
  t.like(none.ok && none.letters[0], { outcome: 'refused', code: 'not_an_object' });
});

test('an export has every letter once, and its place is free again when it ends or is closed', async (t) => {
  const letters = new Letters({
    state: await storeOf(2_500),
    partitions: 1,
    committed: () => 0,
    send: async () => SENT,
  });
  const [first, second] = Array.from({ length: LETTER_EXPORTS_PER_TENANT_MAX }, () =>
    letters.export({ tenant: 'a' }),
  );
  t.throws(() => letters.export({ tenant: 'a' }), { code: 'query_overload' });
  let text = '';
  for (let piece = await first?.next(); piece !== undefined; piece = await first?.next()) {
    text += piece;
  }
  const lines = text.trimEnd().split('\n');
  t.deepEqual(
    lines.map((line) => JSON.parse(line).line),
    Array.from({ length: 2_500 }, (_, row) => row),
  );
  t.notThrows(() => letters.export({ tenant: 'a' }));
  t.throws(() => letters.export({ tenant: 'a' }), { code: 'query_overload' });
  second?.close();
  t.notThrows(() => letters.export({ tenant: 'a' }));
});

test('letters are counted by stream and code, those of the filter alone', async (t) => {
  const letters = new Letters({
    state: await storeOf(3),
    partitions: 1,
    committed: () => 0,
    send: async () => SENT,
  });
  const counts = [{ stream: 's', code: 'missing_type', letters: 3, firstMs: 1, lastMs: 1 }];
  t.deepEqual(await letters.counts({ tenant: 'a' }), { counts, isComplete: true });
  const none = { counts: [], isComplete: true };
  t.deepEqual(await letters.counts({ tenant: 'a', fromMs: 2 }), none);
  t.deepEqual(await letters.counts({ tenant: 'b' }), none);
});

test('all tenants together have no more exports at once than the bound', async (t) => {
  const letters = new Letters({
    state: await storeOf(1),
    partitions: 1,
    committed: () => 0,
    send: async () => SENT,
  });
  for (let n = 0; n < LETTER_EXPORTS_MAX; n++) letters.export({ tenant: `t${n}` });
  t.throws(() => letters.export({ tenant: 'a' }), { code: 'query_overload' });
});

test('letters are counted for one call of a tenant after the other, and only so many calls wait', async (t) => {
  const store = await storeOf(1);
  let reading = 0;
  const letters = new Letters({
    state: {
      getMany: (keys) => store.getMany(keys),
      async page(range, rowsMax) {
        reading += 1;
        t.is(reading, 1);
        await new Promise(setImmediate);
        reading -= 1;
        return store.page(range, rowsMax);
      },
    },
    partitions: 1,
    committed: () => 0,
    send: async () => SENT,
  });
  const calls = Array.from({ length: 17 }, () => letters.counts({ tenant: 'a' }));
  await t.throwsAsync(letters.counts({ tenant: 'a' }), { code: 'query_overload' });
  for (const { counts } of await Promise.all(calls)) t.is(counts[0]?.letters, 1);
});

test('as many letters as are kept by default are all counted, a part of each partition that is rounded up included', async (t) => {
  const letters = new Letters({
    state: await storeOf(LETTERS_COUNTED_MAX + 1),
    partitions: 1,
    committed: () => 0,
    send: async () => SENT,
  });
  const { counts, isComplete } = await letters.counts({ tenant: 'a' });
  t.is(counts[0]?.letters, LETTERS_COUNTED_MAX + 1);
  t.true(isComplete);
});
