/** `streamgauge config check`: every error at once, or what is in force. Starts nothing. */
import { type ConfigProblem, formatProblem, loadConfig } from '../config.ts';
import { configErrorText, readConfigOptions } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export function checkConfig(
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): ExitCode {
  const loaded = loadConfig({ ...readConfigOptions(options), areAllFilesNeeded: true });
  if (options['json'] === true) {
    const answer = loaded.ok
      ? {
          ok: true,
          file: loaded.value.file,
          config: loaded.value.asValues,
          warnings: loaded.value.warnings.map(withText),
        }
      : { ok: false, problems: loaded.error.map(withText) };
    terminal.out(`${JSON.stringify(answer, undefined, 2)}\n`);
  } else if (loaded.ok) {
    const { file, asYaml, warnings } = loaded.value;
    for (const each of warnings) terminal.err(`streamgauge: warning: ${formatProblem(each)}\n`);
    terminal.out(
      `# The configuration is usable. ${file ?? 'No file'} was read; secrets are masked.\n`,
    );
    terminal.out(`# A value without a comment is a default.\n${asYaml}`);
  } else {
    terminal.err(configErrorText(loaded.error));
  }
  return loaded.ok ? EXIT.ok : EXIT.config;
}

const withText = (problem: ConfigProblem) => ({ ...problem, text: formatProblem(problem) });
