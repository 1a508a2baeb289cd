/** What a script that runs us can rely on. Part of `--help`; change none. */
export const EXIT = { ok: 0, failed: 1, usage: 2, config: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODES_HELP = `
Exit codes:
  0  done; for start: stopped by SIGTERM or SIGINT with everything committed
  1  a fault while running, or stopped by a second signal before the end
  2  wrong usage: unknown command, option or argument
  3  the configuration is not usable`;
