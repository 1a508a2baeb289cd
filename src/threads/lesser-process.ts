/** What processes have in common that the server starts and could go on without for a while. */
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Called before the process has another thread: each has the priority of the one that starts it. */
export function beLesser(priority: number): void {
  setPriority(priority);
  try {
    // If the machine's memory ends, this goes before the server does.
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux.
  }
  // The server has ended, however it did. An orderly exit would wait for a statement that runs.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}
