import test from 'ava';
import { AskError, ask } from '../../../src/dashboard/server/graph.ts';

const askedOf = async (fetched: typeof fetch): Promise<AskError> => {
  globalThis.fetch = fetched;
  const refusal: unknown = await ask('{ rollups { name } }').catch((reason: unknown) => reason);
  if (!(refusal instanceof AskError)) throw new Error(`expected an AskError, got ${refusal}`);
  return refusal;
};

test.serial('a page of something between is told of with its status', async (t) => {
  const { code, message } = await askedOf(
    async () => new Response('<h1>Bad gateway</h1>', { status: 502 }),
  );
  t.is(code, 'no_json');
  t.regex(message, /Expected JSON from \/graphql, .* status 502/);
});

test.serial('a server that is away, and one that refuses, are told apart', async (t) => {
  const away = await askedOf(() => Promise.reject(new TypeError('Failed to fetch')));
  t.is(away.code, 'away');
  const errors = [{ message: 'too much', extensions: { code: 'query_overload' } }];
  const refused = await askedOf(async () => Response.json({ errors }));
  t.is(refused.code, 'query_overload');
  t.is(refused.message, 'too much');
});
