/** Tests of the pages that the server hands out, in a real browser (`.ci/install-chromium`) before a real server. */
export default {
  extensions: ['ts'],
  files: ['test/browser/**/*.test.ts'],
  workerThreads: false,
  // A browser and a server each: side by side they would wait for each other.
  concurrency: 1,
  serial: true,
  timeout: '3m',
};
