#!/usr/bin/env node
// Plain JavaScript, so that a Node.js that cannot run TypeScript still reads this far and can say so.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major === 22 && minor >= 20) {
  await import('./stripped.js');
  const { runCli } = await import('../src/cli.ts');
  process.exit(await runCli());
} else {
  process.stderr.write(
    `streamgauge: needs Node.js 22.20 or a later 22: it runs TypeScript as it is, and its native HTTP server
is built for 22. This is ${process.version} (${process.execPath}).
"npm ci" without --omit=dev installs the right one into node_modules/.bin, where "npm start" finds it.
`,
  );
  process.exitCode = 1;
}
