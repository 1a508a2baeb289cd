import test from 'ava';
import { archiveIdentity } from '../../../storage/checkpoint/archive-identity.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { MemoryArchive } from '../archive/memory-archive.ts';
import { silent } from '../archive/silent.ts';

function storeOf(logId = 'cluster/topic') {
  const archive = new MemoryArchive({ clock: { now: () => 1 } });
  return { archive, store: new CheckpointStore({ archive, logId, log: silent }) };
}

test('of all that ask at once each hears the same', async (t) => {
  const { store } = storeOf();
  const ids = await Promise.all([1, 2, 3].map(() => archiveIdentity(store)));
  t.is(new Set([...ids, await archiveIdentity(store)]).size, 1);
});

test('a file that holds no id is named, and stays', async (t) => {
  for (const text of ['', '{}', '{"id":"x"}', 'no JSON']) {
    const { archive, store } = storeOf();
    archive.store(store.paths.identity, Buffer.from(text));
    const fault = await t.throwsAsync(archiveIdentity(store), { code: 'checkpoint_corrupt' });
    t.true(fault.message.startsWith('_checkpoints/cluster.topic/archive.json does not hold'));
    t.deepEqual([...archive.files.keys()], [store.paths.identity]);
  }
});
