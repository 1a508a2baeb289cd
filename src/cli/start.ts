/** `streamgauge start`: the server from its configuration to its last commit. */
import type { Config } from '../config.ts';
import { type AppError, isFault } from '../model/errors.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export interface RunningServer {
  /** `http://host:port`, with the ports that were really taken. */
  readonly ingestUrl: string;
  readonly queryUrl: string;
  /** Resolves if a part of the server ends by itself: nothing acknowledged is lost, and a restart goes on from there. */
  readonly failed: Promise<AppError>;
  /** Stops accepting, flushes, commits. */
  close(): Promise<void>;
}
export type StartServer = (config: Config) => Promise<RunningServer>;

/**
 * A server whose state store has stopped is started anew in this process: all it has done is on the disk, as after a crash. Any other
 * fault ends the process, for whoever watches it to start another.
 *
 * The first signal stops in order, also when it comes during the start; a second one ends the process at
 * once, which loses nothing that was acknowledged and costs the next start a longer replay.
 */
export async function start(
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
  startServer: StartServer,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const stop = Promise.withResolvers<undefined>();
  let isStopping = false;
  const stopListening = terminal.onStopSignal(() => {
    if (isStopping) terminal.abort(EXIT.failed);
    isStopping = true;
    stop.resolve(undefined);
  });
  try {
    for (;;) {
      const server = await startServer(config);
      if (terminal.isInteractive) terminal.out(welcome(server));
      const fault = await Promise.race([stop.promise, server.failed]);
      if (fault !== undefined) terminal.err(`streamgauge: ${fault.message}\n`);
      await server.close();
      if (fault === undefined) return EXIT.ok;
      if (isStopping || !isFault(fault, 'state_stopped')) return EXIT.failed;
    }
  } finally {
    stopListening();
  }
}

const welcome = ({ ingestUrl, queryUrl }: RunningServer): string => `
  Streamgauge is ready.

  Send events   ${ingestUrl}/v1/events
  Look          ${queryUrl}/
  Ask           ${queryUrl}/graphql

  Stop with Ctrl+C.

`;
