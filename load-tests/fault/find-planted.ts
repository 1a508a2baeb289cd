/** Whether a run shows what was broken on purpose. */
import type { PlantedFault } from './mutants.ts';

/** When a server dies is drawn, and a machine may be busy: a fault that did not show itself is looked for once more. */
const TRIES = 2;

/**
 * Answers how the fault showed itself. `look` answers that, or undefined if it did not. Rejects if no try has shown it: then nothing
 * checks what it breaks.
 */
export async function findPlanted(
  { name, breaks }: Pick<PlantedFault, 'name' | 'breaks'>,
  look: (attempt: number) => Promise<string | undefined>,
): Promise<string> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const shown = await look(attempt);
    if (shown !== undefined) {
      return `planted fault "${name}" was found: ${shown.split('\n', 2).join(' ')}`;
    }
  }
  throw new Error(`the planted fault "${name}" was not found: nothing checks that ${breaks}`);
}
