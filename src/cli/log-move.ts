/** `streamgauge log move`: a data folder goes on with a topic of Kafka in the place of its journal. Needs the server stopped. */
import { createLogger } from '../logging.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { progressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

export interface MoveCommand extends Readonly<Record<string, unknown>> {
  readonly json?: boolean;
}

export async function moveLogCommand(options: MoveCommand, terminal: Terminal): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  // Loaded only here: the clients of Kafka and the state are large.
  const { moveLog } = await import('../move/move-log.ts');
  const line = progressLine(terminal);
  let bytes = 0;
  const moved = await moveLog({
    config,
    log: createLogger({ ...config.logging, thread: 'main' }),
    progress(step, more) {
      bytes += more;
      line.show(step, undefined, bytes);
    },
  });
  line.end();
  const { topic, id, offsetBase, blocks } = moved;
  terminal.out(
    options.json === true
      ? `${JSON.stringify(moved, undefined, 2)}\n`
      : `${config.dataDir} belongs to the topic ${topic} (${id}) from now on: its positions begin at ${offsetBase}.\n` +
          `${blocks === undefined ? 'All blocks' : `${blocks} blocks`} that the server still needs are in it; the journal is deleted. Start the server with this configuration.\n`,
  );
  return EXIT.ok;
}
