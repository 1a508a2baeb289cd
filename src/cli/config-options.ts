/** The options that change the configuration, the same for every command that reads it. */
import { type Command, Option } from 'commander';
import {
  CONFIG_FILE_DEFAULT,
  type Config,
  type ConfigProblem,
  type Flag,
  formatProblem,
  loadConfig,
} from '../config.ts';
import type { Terminal } from './terminal.ts';

const CONFIG_FLAGS = [
  ['--host <address>', 'address of both listeners', ['listen', 'host']],
  ['--ingest-port <port>', 'port that events come in on (default 8080)', ['listen', 'ingestPort']],
  ['--query-port <port>', 'port that questions come in on (default 8081)', ['listen', 'queryPort']],
  ['--data-dir <folder>', 'journal and state (default ./data)', ['dataDir']],
  ['--partitions <count>', 'fixed when the data folder is created', ['partitions']],
  ['--log-level <level>', 'debug, info, warn, error or silent', ['logging', 'level']],
] as const;

export function addConfigOptions(command: Command): Command {
  command.option(
    '-c, --config <file>',
    `configuration file (default ${CONFIG_FILE_DEFAULT} if it is there)`,
  );
  for (const [flags, description] of CONFIG_FLAGS) command.option(flags, description);
  return command;
}

/** The values are judged with the rest of the configuration, so that one run shows every error. */
export function readConfigOptions(options: Readonly<Record<string, unknown>>): {
  readonly file: string | undefined;
  readonly flags: Flag[];
} {
  const file = options['config'];
  const flags = CONFIG_FLAGS.flatMap(([definition, , path]) => {
    const option = new Option(definition);
    const value = options[option.attributeName()];
    return typeof value === 'string' ? [{ name: option.long ?? definition, path, value }] : [];
  });
  return { file: typeof file === 'string' ? file : undefined, flags };
}

/** Undefined if it is not usable, which the terminal is told: the command ends with `EXIT.config`. */
export function usableConfig(
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Config | undefined {
  const loaded = loadConfig(readConfigOptions(options));
  if (loaded.ok) return loaded.value.config;
  terminal.err(configErrorText(loaded.error));
  return undefined;
}

export function configErrorText(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? '1 error' : `${problems.length} errors`;
  const lines = problems.map((problem) => `  ${formatProblem(problem)}\n`);
  return `streamgauge: the configuration is not usable (${count})\n${lines.join('')}`;
}
