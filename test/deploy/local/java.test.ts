import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findJava } from '../../../deploy/local/java.ts';

test.serial('the Java of JAVA_HOME is taken from 17 on', (t) => {
  const home = javaHome(t, 'openjdk version "17.0.15" 2025-04-15');
  t.is(findJava(), join(home, 'bin/java'));
});

for (const [what, says, received] of [
  ['too old', 'java version "1.8.0_452"', 'version 1'],
  ['too new', 'openjdk version "25" 2025-09-16', 'version 25'],
  ['missing', undefined, 'ENOENT'],
] as const) {
  test.serial(`a Java that is ${what} is refused with what to install`, (t) => {
    javaHome(t, says);
    const { message } = t.throws(() => findJava());
    t.true(message.includes('expected') && message.includes(received), message);
    t.regex(message, /openjdk-17-jdk-headless/);
  });
}

/** A Java that can only say what it is. */
function javaHome(t: ExecutionContext, says: string | undefined): string {
  const home = mkdtempSync(join(tmpdir(), 'streamgauge-java-'));
  const before = process.env['JAVA_HOME'];
  process.env['JAVA_HOME'] = home;
  t.teardown(() => {
    if (before === undefined) delete process.env['JAVA_HOME'];
    else process.env['JAVA_HOME'] = before;
    rmSync(home, { recursive: true });
  });
  if (says === undefined) return home;
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin/java'), `#!/bin/sh\necho '${says}' >&2\n`);
  chmodSync(join(home, 'bin/java'), 0o755);
  return home;
}
