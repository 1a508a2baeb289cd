/** Moves the log of a configuration, and kills itself in the middle: `node dying-move.ts CONFIG STEP [BYTES]`. */
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logging.ts';
import { moveLog } from '../../src/move/move-log.ts';

const [, , file, dyingAt, after = '0'] = process.argv;
const loaded = loadConfig({ file });
if (!loaded.ok) throw new Error(JSON.stringify(loaded.error));
const { config } = loaded.value;
let bytes = 0;
await moveLog({
  config,
  log: createLogger({ ...config.logging, thread: 'main' }),
  progress(step, more) {
    bytes += more;
    if (step === dyingAt && bytes >= Number(after)) process.kill(process.pid, 'SIGKILL');
  },
});
