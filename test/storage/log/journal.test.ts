import { eventLogContract } from '../../contract/event-log.ts';
import { scratchDir, scratchJournal } from './scratch.ts';

eventLogContract('journal', async (t) => {
  const dir = await scratchDir(t);
  const { journal } = await scratchJournal(t, { dir });
  return { log: journal, reopen: async () => (await scratchJournal(t, { dir })).journal };
});
