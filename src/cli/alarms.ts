/** `streamgauge alarms test FILE...`: runs the unit tests of alarm rules and says where expected and seen differ. */
import { type ConfigProblem, formatProblem } from '../config.ts';
import { readAlarmTests } from './alarm-test-file.ts';
import { runTest, type TestReport } from './alarm-test-run.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

interface FileReport {
  readonly file: string;
  readonly problems: readonly ConfigProblem[];
  readonly tests: readonly TestReport[];
}

export function testAlarms(
  files: readonly string[],
  options: { readonly json?: boolean },
  terminal: Terminal,
  cwd = process.cwd(),
): ExitCode {
  const reports = files.map((file): FileReport => {
    const read = readAlarmTests(file, cwd);
    return read.ok
      ? { file, problems: [], tests: read.value.tests.map((test) => runTest(read.value, test)) }
      : { file, problems: read.error, tests: [] };
  });
  const isUsable = reports.every(({ problems }) => problems.length === 0);
  const areEqual = reports.every(({ tests }) => tests.every(isPassed));
  if (options.json) terminal.out(`${JSON.stringify(asJson(reports), undefined, 2)}\n`);
  else {
    const text = reportText(reports);
    if (isUsable && areEqual) terminal.out(text);
    else terminal.err(text);
  }
  if (!isUsable) return EXIT.config;
  return areEqual ? EXIT.ok : EXIT.failed;
}

const isPassed = ({ differences }: TestReport): boolean => differences.length === 0;

function asJson(reports: readonly FileReport[]) {
  return reports.map(({ file, problems, tests }) => ({
    file,
    problems: problems.map((problem) => ({ ...problem, text: formatProblem(problem) })),
    tests: tests.map((test) => ({ ...test, ok: isPassed(test) })),
  }));
}

function reportText(reports: readonly FileReport[]): string {
  const lines = reports.flatMap(({ file, problems, tests }) => [
    file,
    ...problems.map((problem) => `  ! ${formatProblem(problem)}`),
    ...tests.flatMap(({ name, differences }) => [
      `  ${differences.length === 0 ? '✓' : '✗'} ${name}`,
      ...differences.flatMap(({ what, missing, unexpected }) => [
        `      ${what}`,
        ...missing.map((line) => `        - expected: ${line}`),
        ...unexpected.map((line) => `        + seen:     ${line}`),
      ]),
    ]),
  ]);
  const all = reports.flatMap(({ tests }) => tests);
  const failed = all.filter((test) => !isPassed(test)).length;
  const broken = reports.filter(({ problems }) => problems.length > 0).length;
  const count = all.length === 1 ? '1 test' : `${all.length} tests`;
  const outcome = failed === 0 ? `${count} passed` : `${failed} of ${count} failed`;
  const unusable = broken === 0 ? '' : `, ${broken} of ${reports.length} files not usable`;
  return `${lines.join('\n')}\n\n${outcome}${unusable}\n`;
}
