/** Faults of the client that are planted on purpose, in the pages that have it as a module: each must make the storm fail. */
import type { PlantedFault } from './mutants.ts';

export const CLIENT_MUTANTS: readonly PlantedFault[] = [
  {
    name: 'any-answer-settles',
    breaks:
      'an event leaves the queue when the server has answered for it, and for no other reason',
    file: 'src/client/sender.ts',
    find: 'const verdict = await this.#attempt(batch);',
    replace:
      "await this.#attempt(batch); const verdict = { type: 'settled', rejected: 0, reason: '' };",
  },
  {
    name: 'nothing-kept',
    breaks: 'what waits outlives its page',
    file: 'src/client/browser/indexed-db-store.ts',
    find: 'for (const event of events) w.put(event);',
    replace: '',
  },
  {
    name: 'id-of-an-attempt',
    breaks: 'an id is made when an event is tracked, and stays',
    file: 'src/client/sender.ts',
    find: 'batch.map(({ line }) => line)',
    replace: `batch.map(({ line }) => line.replace('"id":"', '"id":"' + Math.random()))`,
  },
  {
    name: 'clock-untold',
    breaks: 'each request says what its clock shows',
    file: 'src/client/post.ts',
    find: 'sentAt: String(Date.now())',
    replace: 'sentAt: undefined',
  },
  {
    name: 'losses-untold',
    breaks: 'what is given up is told',
    file: 'src/client/client.ts',
    find: 'this.#add({ place, type: LOSSES_TYPE, own: counts, isDue: true });',
    replace: '',
  },
];
